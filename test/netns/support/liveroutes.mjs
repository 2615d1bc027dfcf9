// Connects a tunnel with an interface of the system's, and then calls its methods one after the other.
// After each it tells in a line of JSON what came of it, and the routes into the interface.
//   liveroutes.mjs MODULE NAME '[["addPeer",{...}], ...]'
import { execFileSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';

const [module, name, steps] = process.argv.slice(2);
const { connect, encodeKey, generatePrivateKey } = await import(pathToFileURL(module).href);
const key = encodeKey(generatePrivateKey().expose());
const config = (peers) =>
  `[Interface]\nPrivateKey = ${key}\nAddress = 10.66.0.1/24, fd66::1/64\n${peers
    .map((peer) => `[Peer]\nPublicKey = ${peer.publicKey}\nAllowedIPs = ${peer.allowedIps}\n`)
    .join('')}`;
const routes = () =>
  [[], ['-6']].flatMap((family) =>
    JSON.parse(execFileSync('ip', ['-json', ...family, 'route', 'show', 'dev', name]).toString())
      .map(({ dst }) => dst)
      .filter((dst) => !/^(fe80|fd66|10\.66|multicast)/.test(dst)),
  );

const tunnel = await connect(config([]), { name });
try {
  for (const [method, argument] of JSON.parse(steps)) {
    let result = 'done';
    try {
      await tunnel[method](method === 'setConfig' ? config(argument) : argument);
    } catch (error) {
      result = error.code ?? error.message;
    }
    console.log(JSON.stringify({ result, routes: routes().sort(), peers: tunnel.peers().length }));
  }
} finally {
  await tunnel.close();
}
