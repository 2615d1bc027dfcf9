// Each measure returns an object of figures; its keys are those of `FIGURES`.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { machineSeconds, peakMemory, processSeconds } from './processes.mjs';

/** In the order of the report. */
export const FIGURES = {
  tcp1: { title: 'TCP, 1 stream', unit: 'Mbit/s' },
  tcp4: { title: 'TCP, 4 streams', unit: 'Mbit/s' },
  udp64: { title: 'UDP, packets of 64 bytes, delivered', unit: 'kpps' },
  udp1400: { title: 'UDP, packets of 1400 bytes, delivered', unit: 'kpps' },
  udpBursts: { title: 'UDP in bursts, packets of 1400 bytes, delivered', unit: 'kpps' },
  pingP50: { title: 'ping, median', unit: 'us' },
  pingP99: { title: 'ping, 99th percentile', unit: 'us' },
  tunnelCores: { title: 'cores busy in both tunnel processes, TCP 1 stream', unit: 'cores' },
  machineCores: { title: 'cores busy of the machine, TCP 1 stream', unit: 'cores' },
  cpuPerGigabit: { title: 'tunnel processor time per Gbit, TCP 1 stream', unit: 's' },
  memory: { title: 'peak memory, the greater of both ends', unit: 'MiB' },
  firstPing: { title: 'from `up` to the first ping answered', unit: 'ms' },
  handshakes: { title: 'handshakes answered by one process', unit: '1/s' },
};

export const titleOf = (key) => `${FIGURES[key].title} (${FIGURES[key].unit})`;

/** The headers of the inner packet: IPv4 and UDP. */
const HEADERS = 20 + 8;
const BURSTS_PORT = 5202;

async function iperf(lab, target, args) {
  const server = lab.start(lab.server, ['iperf3', '-s', '-1', '-J', '-B', target]);
  try {
    await untilBound(lab, 'tcp', 5201);
    const client = JSON.parse(
      await lab.run(lab.client, ['iperf3', '-J', '-C', 'cubic', '-c', target, ...args]),
    );
    return { client, server: JSON.parse(await server.finished) };
  } finally {
    server.end();
  }
}

async function untilBound(lab, protocol, port) {
  const argv = ['ss', '-Hln', `--${protocol}`, `sport = :${port}`];
  for (let i = 0; i < 100; i++) {
    if ((await lab.run(lab.server, argv)) !== '') return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`nothing listens at ${protocol} port ${port}`);
}

/** `pids` are the tunnel's processes, none for a bare cable. */
export async function tcp(lab, target, seconds, streams, pids) {
  const before = { at: performance.now(), own: processSeconds(pids), all: machineSeconds() };
  const args = ['-t', String(seconds), '-P', String(streams)];
  const { client } = await iperf(lab, target, args);
  const elapsed = (performance.now() - before.at) / 1000;
  const { bits_per_second: bits, bytes } = client.end.sum_received;
  if (streams !== 1) return { [`tcp${streams}`]: bits / 1e6 };
  const ownSeconds = processSeconds(pids) - before.own;
  return {
    tcp1: bits / 1e6,
    machineCores: (machineSeconds() - before.all) / elapsed,
    ...(pids.length > 0 && {
      tunnelCores: ownSeconds / elapsed,
      cpuPerGigabit: ownSeconds / ((bytes * 8) / 1e9),
    }),
  };
}

/** Sends packets of `bytes` as fast as iperf3 can, and counts those that arrive. */
export async function udp(lab, target, seconds, bytes) {
  const payload = bytes - HEADERS;
  const args = ['-u', '-b', '0', '-l', String(payload), '-t', String(seconds)];
  const { server } = await iperf(lab, target, args);
  const { packets, lost_packets: lost, seconds: elapsed } = server.end.sum;
  return { [`udp${bytes}`]: (packets - lost) / elapsed / 1000 };
}

/** Compiles the program for bursts into `folder`, and resolves to its path. Rejects without a compiler. */
export async function buildBursts(folder) {
  const { compile } = await import('../native/build.mjs');
  const out = join(folder, 'udpbursts');
  const source = fileURLToPath(new URL('./udpbursts.c', import.meta.url));
  compile({ out, files: [source], program: true });
  return out;
}

/** `program` is the path from `buildBursts`. */
export async function udpBursts(lab, target, seconds, program) {
  const payload = 1400 - HEADERS;
  const where = [target, String(BURSTS_PORT)];
  const receiver = lab.start(lab.server, [program, 'receive', ...where]);
  try {
    await untilBound(lab, 'udp', BURSTS_PORT);
    const argv = [program, 'send', ...where, String(payload), String(seconds)];
    await lab.run(lab.client, argv);
    const [bytes, elapsed] = (await receiver.finished).split(' ').map(Number);
    return { udpBursts: bytes / payload / elapsed / 1000 };
  } finally {
    receiver.end();
  }
}

export async function ping(lab, target) {
  const argv = ['ping', '-n', '-i', '0.005', '-c', '1000', target];
  const output = await lab.run(lab.client, argv);
  const times = [...output.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms) * 1000);
  times.sort((a, b) => a - b);
  const quantile = (q) => times[Math.min(times.length - 1, Math.floor(q * times.length))];
  return { pingP50: quantile(0.5), pingP99: quantile(0.99) };
}

/** Brings up the client's end; the server's end is already up. */
export async function bringUp(lab, tunnel) {
  const before = performance.now();
  await tunnel.up('c');
  const argv = ['ping', '-n', '-i', '0.01', '-c', '1', '-w', '10', tunnel.target];
  await lab.run(lab.client, argv);
  return { firstPing: performance.now() - before };
}

export function memory(pids) {
  return pids.length === 0 ? {} : { memory: Math.max(...pids.map(peakMemory)) };
}
