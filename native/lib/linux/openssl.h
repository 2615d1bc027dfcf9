/*
 * The functions used of the OpenSSL in the process: the executable of Node.js has it linked in and exports
 * it. All symbols are weak, so that the library loads where they are missing and can report it. The second
 * half is not OpenSSL's public interface, but the building blocks of its ChaCha20-Poly1305. They are
 * faster, because one call yields the first block of the key stream together with the rest.
 */
#ifndef WG_TS_OPENSSL_H
#define WG_TS_OPENSSL_H

#include <stddef.h>

typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_cipher_st EVP_CIPHER;
typedef struct engine_st ENGINE;

#define WEAK __attribute__((weak))

/* openssl/evp.h */
#define EVP_CTRL_AEAD_GET_TAG 0x10
#define EVP_CTRL_AEAD_SET_TAG 0x11

extern WEAK EVP_CIPHER_CTX *EVP_CIPHER_CTX_new(void);
extern WEAK void EVP_CIPHER_CTX_free(EVP_CIPHER_CTX *context);
extern WEAK int EVP_CIPHER_CTX_reset(EVP_CIPHER_CTX *context);
extern WEAK const EVP_CIPHER *EVP_get_cipherbyname(const char *name);
extern WEAK int EVP_CipherInit_ex(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, ENGINE *engine,
                                  const unsigned char *key, const unsigned char *iv, int encrypt);
extern WEAK int EVP_CipherUpdate(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length,
                                 const unsigned char *in, int in_length);
extern WEAK int EVP_CipherFinal_ex(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length);
extern WEAK int EVP_CIPHER_CTX_ctrl(EVP_CIPHER_CTX *context, int type, int argument, void *pointer);

extern WEAK void ChaCha20_ctr32(unsigned char *out, const unsigned char *in, size_t length,
                                const unsigned int key[8], const unsigned int counter[4]);
extern WEAK size_t Poly1305_ctx_size(void);
extern WEAK void Poly1305_Init(void *context, const unsigned char key[32]);
extern WEAK void Poly1305_Update(void *context, const unsigned char *in, size_t length);
extern WEAK void Poly1305_Final(void *context, unsigned char mac[16]);

/* Does nothing: the linker has resolved the symbols. */
static inline void openssl_resolve(void) {}

#endif
