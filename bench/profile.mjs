// Measures what a packet costs, by stage: both ends of a tunnel are sampled while one TCP stream runs.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { newKeyPair } from './kinds.mjs';
import { run } from './lab.mjs';
import { circumstances, wgTsVersion } from './machine.mjs';
import { tcp } from './measures.mjs';
import { versionOf } from './peers.mjs';
import { processSeconds } from './processes.mjs';
import { hasSymbol, STAGES, stageOf } from './profilestages.mjs';
import { inShort, round, table } from './tables.mjs';
import { withTunnel } from './turns.mjs';

/** Not a multiple of the system's tick rate. */
const SAMPLES_PER_SECOND = 999;
/** Seconds for which the flow runs before and after the samples are taken. */
const MARGIN = 1;
/** Payload of TCP over IPv4 with timestamps, in a tunnel with an MTU of 1420. */
const SEGMENT = 1420 - 20 - 20 - 12;
const SHOWN_SYMBOLS = 3;

export const whyNoProfile = () => (versionOf('perf') ? undefined : 'no perf (linux-perf) in PATH');

/** Resolves to the text of the section and what went wrong. */
export async function profile(lab, kinds, { seconds }) {
  const keys = { client: newKeyPair(), server: newKeyPair() };
  const parts = [];
  const missing = [];
  for (const kind of kinds.filter(({ isTunnel }) => isTunnel))
    try {
      console.error(`${kind.name}: sampling`);
      await withTunnel(lab, kind, keys, {}, async ({ target, pids }) => {
        parts.push(await sampled(lab, kind, target, pids, seconds));
      });
    } catch (error) {
      missing.push(`profile of ${kind.name}: ${inShort(error)}`);
      lab.clear();
    }
  return { text: parts.length === 0 ? undefined : report(parts, seconds), missing };
}

async function sampled(lab, kind, target, pids, seconds) {
  const file = join(lab.folder, 'perf.data');
  const [{ tcp1 }, cores] = await Promise.all([
    tcp(lab, target, seconds + 2 * MARGIN, 1, pids),
    record(file, pids, seconds),
  ]);
  const ends = new Map(pids.map((pid) => [pid, { samples: 0, stages: new Map() }]));
  const symbols = new Map(STAGES.map((stage) => [stage, new Map()]));
  let unknown = 0;
  for await (const { pid, frames } of samples(file)) {
    const end = ends.get(pid);
    const stage = stageOf(frames);
    const [leaf] = frames;
    add(end.stages, stage);
    end.samples++;
    if (hasSymbol(leaf)) add(symbols.get(stage), leaf.symbol);
    else unknown++;
  }
  const [client, server] = pids.map((pid, i) => ({ ...ends.get(pid), cores: cores[i] }));
  return { kind, megabits: tcp1, client, server, symbols, unknown };
}

/** Records samples, and resolves to the cores that each process kept busy meanwhile. */
async function record(file, pids, seconds) {
  await new Promise((resolve) => setTimeout(resolve, MARGIN * 1000));
  const used = () => pids.map((pid) => processSeconds([pid]));
  const before = used();
  const begin = performance.now();
  const options = ['-N', '-g', '-e', 'cpu-clock', '-F', String(SAMPLES_PER_SECOND), '-o', file];
  const command = ['sleep', String(seconds)];
  await run(['perf', 'record', ...options, '-p', pids.join(','), '--', ...command]);
  const elapsed = (performance.now() - begin) / 1000;
  return used().map((after, i) => (after - before[i]) / elapsed);
}

/** Reads the samples of a recording, each `{ pid, frames }`. */
async function* samples(file) {
  const args = ['script', '-i', file, '-F', 'comm,pid,tid,ip,sym,dso'];
  const child = spawn('perf', args, { stdio: ['ignore', 'pipe', 'ignore'] });
  let sample;
  for await (const line of createInterface({ input: child.stdout })) {
    const [, pid] = /^\S.*?\s(\d+)\/\d+\s*$/.exec(line) ?? [];
    const [, symbol, object] = /^\s+[0-9a-f]+ (.*) \((.*?)\)$/.exec(line) ?? [];
    if (pid) sample = { pid: Number(pid), frames: [] };
    else if (symbol) sample?.frames.push({ symbol, object });
    else if (line === '' && sample) {
      if (sample.frames.length > 0) yield sample;
      sample = undefined;
    }
  }
  if (sample?.frames.length > 0) yield sample;
}

function add(counts, key) {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}

function report(parts, seconds) {
  return `## What a packet costs, by stage

${circumstances()}, ${wgTsVersion()}, ${versionOf('perf')}.

Samples of both tunnel processes (cpu-clock, ${SAMPLES_PER_SECOND} per second) during ${seconds} seconds of one TCP stream. A packet is
one full segment, including its share of the acknowledgments. Work of the network stacks within a system
call of the tunnel counts as the tunnel's: a write to the TUN device goes up to the program's socket, and a
send goes through the veth to the socket of the other end. A virtual machine takes no samples while
interrupts are off: that work shows up right after them.

${parts.map(partReport).join('\n\n')}`;
}

function partReport({ kind, megabits, client, server, symbols, unknown }) {
  const packetsPerSecond = (megabits * 1e6) / 8 / SEGMENT;
  const total = client.samples + server.samples;
  const nanos = (end, stage) =>
    ((end.cores / packetsPerSecond) * 1e9 * (end.stages.get(stage) ?? 0)) / end.samples;
  const all = (end) => (end.cores / packetsPerSecond) * 1e9;
  const sum = all(client) + all(server);
  const rows = STAGES.map((stage) => {
    const [sent, received] = [nanos(client, stage), nanos(server, stage)];
    return { stage, sent, received, both: sent + received };
  })
    .filter(({ both }) => both > 0)
    .map(({ stage, sent, received, both }) => [
      stage,
      round(sent),
      round(received),
      percent(both / sum),
      mostly(symbols.get(stage)),
    ]);
  rows.push(['all', round(all(client)), round(all(server)), percent(1), '']);
  const header = ['stage', 'sender (ns)', 'receiver (ns)', 'share', 'mostly'];
  return `### ${kind.name}

${round(megabits)} Mbit/s while sampled, ${total} samples; ${percent(unknown / total)} of them in code without symbols.

${table(header, rows)}`;
}

const percent = (share) => `${(share * 100).toFixed(1)} %`;

function mostly(counts) {
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .slice(0, SHOWN_SYMBOLS)
    .map(([symbol]) => `\`${shortened(symbol)}\``)
    .join(', ');
}

/** Returns a symbol without the package path that some languages put before a name. */
function shortened(symbol) {
  const name = symbol.replace(/^[^ (]*\//, '');
  return name.length > 44 ? `${name.slice(0, 43)}…` : name;
}
