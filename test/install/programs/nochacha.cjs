// Preloaded: node:crypto over BoringSSL, as in Electron, has no ChaCha20-Poly1305.
const crypto = require('node:crypto');

for (const name of ['createCipheriv', 'createDecipheriv']) {
  const create = crypto[name];
  crypto[name] = (cipher, ...others) => {
    if (/^chacha20/i.test(cipher)) throw new Error('Unknown cipher');
    return create(cipher, ...others);
  };
}
