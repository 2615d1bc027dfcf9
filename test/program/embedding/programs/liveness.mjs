// A program whose tunnels are all that it has: liveness.mjs MODULE PLANE WHAT. What is printed last tells
// how far it came.
import { execFileSync } from 'node:child_process';
import { connectPair, load, talk } from './pair.mjs';

/** As a handshake message, which goes up from either data plane. */
const SENDER = `const socket = require('node:dgram').createSocket('udp4');
const message = Buffer.alloc(148);
message[0] = 1;
socket.send(message, process.argv[1], '127.0.0.1', () => socket.close());`;

const [module, dataPlane, what] = process.argv.slice(2);
const wgts = await load(module);

if (what === 'fail') {
  const tun = new wgts.MemoryTun();
  const error = await wgts.connect('[Interface]\n', { tun, dataPlane }).catch((error) => error);
  console.log(error.code);
} else if (what === 'abort') {
  await abortHalfWay();
} else {
  const metrics = what === 'metrics' ? { host: '127.0.0.1', port: 0 } : undefined;
  const pair = await connectPair(wgts, {
    dataPlane,
    followNetwork: true,
    ...(metrics && { metrics }),
  });
  const tunnels = [pair.a.tunnel, pair.b.tunnel];
  const unref = () => {
    for (const tunnel of tunnels) tunnel.unref();
  };
  for (const tunnel of tunnels) tunnel.on('transfer', () => undefined);
  await talk(pair);
  console.log(`talked: ${tunnels.map((tunnel) => tunnel.status().dataPlane).join(' ')}`);
  await work(pair, unref);
}

async function work(pair, unref) {
  switch (what) {
    case 'ref':
      return;
    case 'again':
      unref();
      pair.a.tunnel.ref();
      return;
    case 'unref':
    case 'metrics':
      unref();
      console.log('unref');
      return;
    case 'other':
      // Something else keeps it alive meanwhile: past the first keepalives, and a session.
      unref();
      await talk(pair, 2000);
      await new Promise((resolve) => setTimeout(resolve, 2500));
      await talk(pair, 100);
      console.log('talked again');
      return;
    case 'unread':
      unref();
      // Nothing of ours runs from here to the end, so that the datagrams are still there then.
      execFileSync(process.execPath, ['-e', SENDER, String(pair.a.tunnel.listenPort)]);
      console.log('sent');
      return;
    case 'ports':
      unref();
      for (const { tunnel } of [pair.a, pair.b]) {
        const { listenPort } = tunnel;
        const free = await freePort(wgts);
        await tunnel.configure({ listenPort: free, peers: [] });
        if (tunnel.listenPort === listenPort) throw new Error('the port is the same');
      }
      console.log('other ports');
      return;
    case 'close':
      unref();
      await pair.close();
      console.log('closed');
      return;
    default:
      throw new Error(`no ${what}`);
  }
}

async function freePort({ connect, MemoryTun, generatePrivateKey, encodeKey }) {
  const key = encodeKey(generatePrivateKey().expose());
  const udp = { ipv4Address: '127.0.0.1', ipv6: false };
  const tunnel = await connect(`[Interface]\nPrivateKey = ${key}\n`, { tun: new MemoryTun(), udp });
  const { listenPort } = tunnel;
  await tunnel.close();
  return listenPort;
}

async function abortHalfWay() {
  const { connect, MemoryTun, generatePrivateKey, publicKeyOf, encodeKey } = wgts;
  const [own, peer] = [generatePrivateKey(), generatePrivateKey()];
  const lines = [
    '[Interface]',
    `PrivateKey = ${encodeKey(own.expose())}`,
    '[Peer]',
    `PublicKey = ${encodeKey(publicKeyOf(peer))}`,
    'Endpoint = nobody.invalid:1',
  ];
  const abort = new AbortController();
  const resolver = () => {
    setImmediate(() => abort.abort(new Error('enough')));
    return new Promise(() => undefined);
  };
  const options = { tun: new MemoryTun(), dataPlane, resolver, signal: abort.signal };
  const error = await connect(`${lines.join('\n')}\n`, options).catch((error) => error);
  console.log(error.message);
}
