// Tunnels in threads of their own: workers.mjs MODULE PLANE WHAT. Prints as JSON what the process has of
// descriptors and threads before and after, and what went wrong.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { connectPair, load, soon, talk } from './pair.mjs';

const ROUNDS = 10;
const [module, dataPlane, what] = isMainThread ? process.argv.slice(2) : workerData;

const held = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  threads: readdirSync('/proc/self/task').length,
});

async function spawn(what) {
  const worker = new Worker(fileURLToPath(import.meta.url), {
    workerData: [module, dataPlane, what],
  });
  worker.on('message', () => undefined);
  const exit = once(worker, 'exit').then(([code]) => code);
  const message = new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('error', reject);
    exit.then(() => reject(new Error('it has ended')));
  });
  return { worker, exit, said: await message };
}

/** Threads end a moment after those who wait for them have heard it. */
async function settled(before) {
  for (let tries = 0; tries < 200; tries++) {
    const now = held();
    if (now.descriptors <= before.descriptors && now.threads <= before.threads) return now;
    await soon(10);
  }
  return held();
}

if (isMainThread) {
  const warnings = [];
  process.on('warning', (warning) => warnings.push(warning.message));
  const said = [];
  // What a thread is given once stays: the pool of libuv, an epoll.
  const first = await spawn(what);
  said.push(first.said);
  if (what === 'terminate' || what === 'busy') await first.worker.terminate();
  await first.exit;
  await soon(200);
  const before = held();
  if (what === 'together') {
    const wgts = await load(module);
    const pair = await connectPair(wgts, { dataPlane });
    const others = await Promise.all([spawn('terminate'), spawn('terminate')]);
    said.push(...others.map((other) => other.said));
    await talk(pair, 500);
    // The end of one is none of the others.
    await others[0].worker.terminate();
    await talk(pair, 500);
    await others[1].worker.terminate();
    await talk(pair, 500);
    await pair.close();
  } else {
    for (let round = 0; round < ROUNDS; round++) {
      const { worker, exit, said: words } = await spawn(what);
      said.push(words);
      if (what === 'busy') await soon(20 + round);
      if (what === 'terminate' || what === 'busy') await worker.terminate();
      await exit;
    }
  }
  console.log(JSON.stringify({ said, before, after: await settled(before), warnings }));
} else {
  const wgts = await load(module);
  const pair = await connectPair(wgts, { dataPlane, followNetwork: true });
  await talk(pair, 200);
  const { dataPlane: plane } = pair.a.tunnel.status();
  parentPort.postMessage(`200 packets, ${plane.split(' ')[0]}`);
  if (what === 'close' || what === 'together') await pair.close();
  else if (what === 'unref') for (const { tunnel } of [pair.a, pair.b]) tunnel.unref();
  else if (what === 'exit') process.exit(0);
  else if (what === 'busy') await talk(pair, 1_000_000);
}
