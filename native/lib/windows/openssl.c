#include "openssl.h"

#include <windows.h>

#include "resolve.h"

EVP_CIPHER_CTX *(*EVP_CIPHER_CTX_new)(void);
void (*EVP_CIPHER_CTX_free)(EVP_CIPHER_CTX *context);
int (*EVP_CIPHER_CTX_reset)(EVP_CIPHER_CTX *context);
const EVP_CIPHER *(*EVP_get_cipherbyname)(const char *name);
int (*EVP_CipherInit_ex)(EVP_CIPHER_CTX *context, const EVP_CIPHER *cipher, ENGINE *engine,
                         const unsigned char *key, const unsigned char *iv, int encrypt);
int (*EVP_CipherUpdate)(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length,
                        const unsigned char *in, int in_length);
int (*EVP_CipherFinal_ex)(EVP_CIPHER_CTX *context, unsigned char *out, int *out_length);
int (*EVP_CIPHER_CTX_ctrl)(EVP_CIPHER_CTX *context, int type, int argument, void *pointer);

void (*const ChaCha20_ctr32)(unsigned char *out, const unsigned char *in, size_t length,
                             const unsigned int key[8], const unsigned int counter[4]);
size_t (*const Poly1305_ctx_size)(void);
void (*const Poly1305_Init)(void *context, const unsigned char key[32]);
void (*const Poly1305_Update)(void *context, const unsigned char *in, size_t length);
void (*const Poly1305_Final)(void *context, unsigned char mac[16]);

void openssl_resolve(void) {
  const HMODULE executable = GetModuleHandleW(NULL);
  RESOLVE(EVP_CIPHER_CTX_new, executable, "EVP_CIPHER_CTX_new");
  RESOLVE(EVP_CIPHER_CTX_free, executable, "EVP_CIPHER_CTX_free");
  RESOLVE(EVP_CIPHER_CTX_reset, executable, "EVP_CIPHER_CTX_reset");
  RESOLVE(EVP_get_cipherbyname, executable, "EVP_get_cipherbyname");
  RESOLVE(EVP_CipherInit_ex, executable, "EVP_CipherInit_ex");
  RESOLVE(EVP_CipherUpdate, executable, "EVP_CipherUpdate");
  RESOLVE(EVP_CipherFinal_ex, executable, "EVP_CipherFinal_ex");
  RESOLVE(EVP_CIPHER_CTX_ctrl, executable, "EVP_CIPHER_CTX_ctrl");
}
