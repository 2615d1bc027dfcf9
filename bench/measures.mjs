// Each measure answers an object of figures; the keys are those of `FIGURES`.
import { machineSeconds, peakMemory, processSeconds } from './lab.mjs';

/** In the order of the report. `better` tells which way a ratio speaks well. */
export const FIGURES = {
  tcp1: { title: 'TCP, 1 stream', unit: 'Mbit/s' },
  tcp4: { title: 'TCP, 4 streams', unit: 'Mbit/s' },
  udp64: { title: 'UDP, 64 bytes, delivered', unit: 'kpps' },
  udp1400: { title: 'UDP, 1400 bytes, delivered', unit: 'kpps' },
  pingP50: { title: 'ping, median', unit: 'us' },
  pingP99: { title: 'ping, 99th percentile', unit: 'us' },
  tunnelCores: { title: 'cores busy in both tunnel processes, TCP 1 stream', unit: 'cores' },
  machineCores: { title: 'cores busy of the machine, TCP 1 stream', unit: 'cores' },
  cpuPerGigabit: { title: 'tunnel processor time per Gbit, TCP 1 stream', unit: 's' },
  memory: { title: 'peak memory of the sending process', unit: 'MiB' },
  firstPing: { title: 'from `up` to the first ping answered', unit: 'ms' },
  handshakes: { title: 'handshakes answered by one process', unit: '1/s' },
};

async function iperf(lab, target, args) {
  const server = lab.start(lab.server, ['iperf3', '-s', '-1', '-J', '-B', target]);
  try {
    await untilListening(lab);
    const client = JSON.parse(
      await lab.run(lab.client, ['iperf3', '-J', '-C', 'cubic', '-c', target, ...args]),
    );
    return { client, server: JSON.parse(await server.finished) };
  } finally {
    server.end();
  }
}

async function untilListening(lab) {
  for (let i = 0; i < 100; i++) {
    const sockets = await lab.run(lab.server, ['ss', '-Hltn', 'sport = :5201']);
    if (sockets !== '') return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('iperf3 does not listen');
}

export async function tcp(lab, target, seconds, streams) {
  const pids = [...lab.pids(lab.client), ...lab.pids(lab.server)];
  const before = { at: performance.now(), own: processSeconds(pids), all: machineSeconds() };
  const args = ['-t', String(seconds), '-P', String(streams)];
  const { client } = await iperf(lab, target, args);
  const elapsed = (performance.now() - before.at) / 1000;
  const megabits = client.end.sum_received.bits_per_second / 1e6;
  if (streams !== 1) return { [`tcp${streams}`]: megabits };
  const ownSeconds = processSeconds(pids) - before.own;
  return {
    tcp1: megabits,
    machineCores: (machineSeconds() - before.all) / elapsed,
    ...(pids.length > 0 && {
      tunnelCores: ownSeconds / elapsed,
      cpuPerGigabit: ownSeconds / ((client.end.sum_received.bytes * 8) / 1e9),
    }),
  };
}

/** Sends as fast as iperf3 can; what counts is what arrives. */
export async function udp(lab, target, seconds, bytes) {
  const args = ['-u', '-b', '0', '-l', String(bytes), '-t', String(seconds)];
  const { server } = await iperf(lab, target, args);
  const { packets, lost_packets: lost, seconds: elapsed } = server.end.sum;
  return { [`udp${bytes}`]: (packets - lost) / elapsed / 1000 };
}

export async function ping(lab, target) {
  const argv = ['ping', '-n', '-i', '0.005', '-c', '1000', target];
  const output = await lab.run(lab.client, argv);
  const times = [...output.matchAll(/time=([\d.]+) ms/g)].map(([, ms]) => Number(ms) * 1000);
  times.sort((a, b) => a - b);
  const quantile = (q) => times[Math.min(times.length - 1, Math.floor(q * times.length))];
  return { pingP50: quantile(0.5), pingP99: quantile(0.99) };
}

/** Brings up the client's end; the server's is up already. */
export async function bringUp(lab, tunnel) {
  const before = performance.now();
  await tunnel.up('c');
  const argv = ['ping', '-n', '-i', '0.01', '-c', '1', '-w', '10', tunnel.target];
  await lab.run(lab.client, argv);
  return { firstPing: performance.now() - before };
}

export function memory(lab) {
  const [pid] = lab.pids(lab.client);
  return pid === undefined ? {} : { memory: peakMemory(pid) };
}
