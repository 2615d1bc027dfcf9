// A program that logs what nobody has caught and goes on, while all that it has given to its tunnels
// throws: uncaught.mjs MODULE PLANE. Prints what it has seen as JSON.
import { connectPair, load, numberOf, packet, soon } from './pair.mjs';

const [module, dataPlane] = process.argv.slice(2);
const COUNT = 300;
const uncaught = {};
const note = (error) => {
  uncaught[error.message] = (uncaught[error.message] ?? 0) + 1;
};
process.on('uncaughtException', note);

const throwing = (message) => () => {
  throw new Error(message);
};
const logger = Object.fromEntries(
  ['debug', 'info', 'warn', 'error'].map((level) => [level, throwing('logger')]),
);
const wgts = await load(module);
const pair = await connectPair(wgts, { dataPlane, logger, transferInterval: 50 });
const { a, b } = pair;

const events = { state: 0, handshake: 0, transfer: 0 };
for (const { tunnel } of [a, b])
  for (const name of Object.keys(events))
    tunnel.on(name, () => {
      events[name]++;
      throw new Error(`listener of ${name}`);
    });

// The consumer of the first tunnel is an interface, that of the way back a stream.
const received = { a: new Set(), b: new Set() };
const write = b.tun.write.bind(b.tun);
b.tun.write = (bytes) => {
  const isTaken = write(bytes);
  if (numberOf(bytes) % 3 === 0) throw new Error('interface');
  return isTaken;
};
b.host.start((packets) => {
  for (const bytes of packets) received.b.add(numberOf(bytes));
}, throwing('never'));
const stream = wgts.packetStream(a.host);
stream.on('data', (bytes) => {
  received.a.add(numberOf(bytes));
  throw new Error('consumer');
});

for (let i = 0; i < COUNT; i += 30) {
  setTimeout(throwing('timer'), 1);
  setImmediate(throwing('immediate'));
  process.nextTick(throwing('tick'));
  void Promise.reject(new Error('promise'));
  for (let n = i; n < i + 30; n++) {
    stream.write(packet(n));
    const back = packet(n);
    back.set([10, 9, 0, 2, 10, 9, 0, 1], 12);
    b.host.write(back);
  }
  await soon(10);
}
for (let tries = 0; received.a.size < COUNT || received.b.size < COUNT; tries++) {
  if (tries > 500) break;
  await soon(10);
}
// The last of the transfers.
await soon(200);
const rekeyed = await a.tunnel.handshake({ rekey: true }).then(
  () => 'rekeyed',
  (error) => error.message,
);
const states = [a.tunnel.state, b.tunnel.state];
await soon(50);
await pair.close();
await soon(50);
const counts = { a: received.a.size, b: received.b.size };
console.log(JSON.stringify({ counts, events, uncaught, rekeyed, states }));
