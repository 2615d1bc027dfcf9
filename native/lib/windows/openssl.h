/*
 * The functions used of the OpenSSL in the process: node.exe has it linked in and exports it. A DLL cannot
 * have unresolved symbols, so these are variables, NULL for a function that is missing.
 */
#ifndef WG_TS_OPENSSL_H
#define WG_TS_OPENSSL_H

#include <stddef.h>

typedef struct evp_cipher_ctx_st EVP_CIPHER_CTX;
typedef struct evp_cipher_st EVP_CIPHER;
typedef struct engine_st ENGINE;

/* openssl/evp.h */
#define EVP_CTRL_AEAD_GET_TAG 0x10
#define EVP_CTRL_AEAD_SET_TAG 0x11

extern EVP_CIPHER_CTX *(*EVP_CIPHER_CTX_new)(void);
extern void (*EVP_CIPHER_CTX_free)(EVP_CIPHER_CTX *context);
extern int (*EVP_CIPHER_CTX_reset)(EVP_CIPHER_CTX *context);
extern const EVP_CIPHER *(*EVP_get_cipherbyname)(const char *name);
extern int (*EVP_CipherInit_ex)(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, ENGINE *engine,
                                const unsigned char *key, const unsigned char *iv, int encrypt);
extern int (*EVP_CipherUpdate)(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length,
                               const unsigned char *in, int in_length);
extern int (*EVP_CipherFinal_ex)(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length);
extern int (*EVP_CIPHER_CTX_ctrl)(EVP_CIPHER_CTX *context, int type, int argument, void *pointer);

/*
 * Always NULL. node.exe does not export them. Even if it did, using them means writing zeros around the
 * packet, which in the ring of an adapter is memory that the driver is writing to.
 */
extern void (*const ChaCha20_ctr32)(unsigned char *out, const unsigned char *in, size_t length,
                                    const unsigned int key[8], const unsigned int counter[4]);
extern size_t (*const Poly1305_ctx_size)(void);
extern void (*const Poly1305_Init)(void *context, const unsigned char key[32]);
extern void (*const Poly1305_Update)(void *context, const unsigned char *in, size_t length);
extern void (*const Poly1305_Final)(void *context, unsigned char mac[16]);

/* Looks up the functions in the executable. May be called any number of times. */
void openssl_resolve(void);

#endif
