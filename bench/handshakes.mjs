// Measures how many handshakes per second one process answers. Many peers initiate in turn, because a peer
// may do so only every 20 ms. All initiations are made beforehand, so that making them takes no time from
// the responder; few are in flight at once, so that the responder is not under load (5.3).
//
// This is a program too, because it must run inside a namespace:
//   handshakes.mjs ADDRESS PORT FILE SECONDS    prints {"answered":..., "cookies":..., "seconds":...}
import { randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { newKeyPair } from './kinds.mjs';

const PEERS = 400;
const ROUNDS = 20;
const UNDER_WAY = 32;
const INITIATION_LENGTH = 148;
const BETWEEN_ROUNDS_NANOS = 50_000_000n;

const NOISE = new URL('../dist/protocol/noise.js', import.meta.url);

export const whyNoHandshakes = () => (existsSync(NOISE) ? undefined : 'wg-ts is not built');

/** Writes the initiations of all peers to one responder. Resolves to the peers' public keys. */
export async function writeInitiations(file, responderPublicKey) {
  const { createInitiation } = await import(NOISE.href);
  const { CookieGenerator } = await import('../dist/protocol/cookie.js');
  const { tai64n } = await import('../dist/protocol/tai64n.js');
  const { Secret } = await import('../dist/crypto/secret.js');
  const { defaultProviders } = await import('../dist/crypto/providers.js');
  const providers = defaultProviders();
  const publicKey = Uint8Array.from(Buffer.from(responderPublicKey, 'base64'));
  const peers = Array.from({ length: PEERS }, () => {
    const keys = newKeyPair();
    const privateKey = Secret.take(Uint8Array.from(Buffer.from(keys.privateKey, 'base64')));
    const shared = providers.x25519.sharedSecret(privateKey.expose(), publicKey);
    return {
      publicKey: keys.publicKey,
      identity: { privateKey, publicKey: Uint8Array.from(Buffer.from(keys.publicKey, 'base64')) },
      remote: {
        publicKey,
        staticStatic: Secret.take(shared),
        presharedKey: Secret.take(new Uint8Array(32)),
      },
    };
  });
  const macs = new CookieGenerator(publicKey);
  const messages = Buffer.alloc(PEERS * ROUNDS * INITIATION_LENGTH);
  const start = BigInt(Date.now()) * 1_000_000n;
  for (let i = 0; i < PEERS * ROUNDS; i++) {
    const { identity, remote } = peers[i % PEERS];
    const wallNanos = start + BigInt(Math.floor(i / PEERS)) * BETWEEN_ROUNDS_NANOS;
    const { message } = createInitiation(
      providers,
      identity,
      remote,
      i,
      Uint8Array.from(randomBytes(32)),
      tai64n(wallNanos),
    );
    macs.addMacs(message, 0);
    messages.set(message, i * INITIATION_LENGTH);
  }
  writeFileSync(file, messages);
  return peers.map((peer) => peer.publicKey);
}

/** Sends until the time or the messages are used up. Resolves to the counts. */
function flood(address, port, messages, seconds) {
  const socket = createSocket('udp4');
  const count = messages.length / INITIATION_LENGTH;
  const result = { answered: 0, cookies: 0, seconds: 0 };
  return new Promise((resolve) => {
    const begin = performance.now();
    let next = 0;
    let underWay = 0;
    let lastAnswer = begin;
    const finish = () => {
      clearInterval(watch);
      socket.close();
      resolve({ ...result, seconds: (lastAnswer - begin) / 1000 });
    };
    const send = () => {
      while (underWay < UNDER_WAY && next < count) {
        const at = next++ * INITIATION_LENGTH;
        underWay++;
        socket.send(messages, at, INITIATION_LENGTH, port, address);
      }
    };
    socket.on('message', (answer) => {
      if (answer[0] === 2) result.answered++;
      else if (answer[0] === 3) result.cookies++;
      else return;
      underWay--;
      lastAnswer = performance.now();
      if (lastAnswer - begin > seconds * 1000) finish();
      else send();
    });
    // Lost messages are not waited for.
    const watch = setInterval(() => {
      if (performance.now() - lastAnswer < 100) return;
      if (next >= count || performance.now() - begin > seconds * 1000) return finish();
      underWay = 0;
      send();
    }, 50);
    socket.bind(0, send);
  });
}

if (import.meta.url === pathToFileURL(process.argv[1]).href) {
  const [address, port, file, seconds] = process.argv.slice(2);
  const result = await flood(address, Number(port), readFileSync(file), Number(seconds));
  console.log(JSON.stringify(result));
}
