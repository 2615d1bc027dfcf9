// The main section: all kinds, all figures, and the ratios of wg-ts to each of the others.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { whyNoHandshakes, writeInitiations } from './handshakes.mjs';
import { BARE, NATIVE, newKeyPair } from './kinds.mjs';
import { circumstances, versions, wgTsVersion } from './machine.mjs';
import { buildBursts, FIGURES, memory, ping, tcp, titleOf, udp, udpBursts } from './measures.mjs';
import { cell, ratio, table } from './tables.mjs';
import { byTurns, withTunnel } from './turns.mjs';

const HANDSHAKES = fileURLToPath(new URL('./handshakes.mjs', import.meta.url));

/** Resolves to the text of the section and what went wrong. */
export async function compare(lab, kinds, { repeats, seconds }) {
  const keys = { client: newKeyPair(), server: newKeyPair() };
  const problems = [];
  const initiations = await initiationsFor(lab, keys, problems);
  const bursts = await burstsFor(lab, problems);
  const cautious = new Set();
  const { results, missing } = await byTurns(lab, kinds, repeats, async (kind, note) => {
    await measureTraffic(lab, kind, keys, { seconds, bursts }, note);
    if (kind.isTunnel && initiations) {
      const cookies = await measureHandshakes(lab, kind, keys, { seconds, initiations }, note);
      if (cookies > 0) cautious.add(kind.name);
    }
  });
  for (const name of cautious)
    problems.push(`handshakes of ${name}: at this rate it answers with cookies instead`);
  problems.push(...missing);
  const isEmpty = [...results.values()].every((figures) => figures.size === 0);
  const text = isEmpty ? undefined : report(kinds, results, { repeats, seconds });
  return { text, missing: problems };
}

async function initiationsFor(lab, keys, problems) {
  const reason = whyNoHandshakes();
  if (reason) {
    problems.push(`handshakes: ${reason}`);
    return undefined;
  }
  const file = join(lab.folder, 'initiations');
  return { file, peers: await writeInitiations(file, keys.server.publicKey) };
}

/** Resolves to the program, or undefined where it cannot be compiled. */
export async function burstsFor(lab, problems) {
  try {
    return await buildBursts(lab.folder);
  } catch (error) {
    problems.push(`UDP in bursts: ${error.message}`);
    return undefined;
  }
}

function measureTraffic(lab, kind, keys, { seconds, bursts }, note) {
  return withTunnel(lab, kind, keys, {}, async ({ target, pids, first }) => {
    if (kind.isTunnel) note(first);
    note(await ping(lab, target));
    for (const streams of [1, 4]) note(await tcp(lab, target, seconds, streams, pids));
    for (const bytes of [64, 1400]) note(await udp(lab, target, seconds, bytes));
    if (bursts) note(await udpBursts(lab, target, seconds, bursts));
    note(memory(pids));
  });
}

/** Resolves to how many were answered with a cookie reply (5.3): with any, no figure is noted. */
async function measureHandshakes(lab, kind, keys, { seconds, initiations }, note) {
  const tunnel = kind.prepare(lab, keys, { peers: initiations.peers });
  await tunnel.up('s');
  const argv = [process.execPath, HANDSHAKES, lab.serverAddress, String(tunnel.port)];
  const output = await lab.run(lab.client, [...argv, initiations.file, String(seconds)]);
  const { answered, cookies, seconds: elapsed } = JSON.parse(output);
  if (elapsed > 0 && cookies === 0) note({ handshakes: answered / elapsed });
  await tunnel.close();
  return cookies;
}

function report(kinds, results, { repeats, seconds }) {
  const names = kinds.map(({ name }) => name).filter((name) => results.get(name).size > 0);
  const measured = Object.keys(FIGURES).filter((key) =>
    names.some((name) => results.get(name).get(key)?.length),
  );
  const figures = measured.map((key) => [
    titleOf(key),
    ...names.map((name) => cell(results.get(name).get(key))),
  ]);
  return `## Comparison

${circumstances()}, ${wgTsVersion()}.

${versions(kinds)}

Both ends of the tunnel, and the programs that make the traffic, run on this one machine, in two
network namespaces joined by a veth pair. All columns were measured in one run, in turn. A cell is the
median of ${repeats} repeats with the minimum and the maximum; flows last ${seconds} seconds. TCP uses cubic, the tunnel's
MTU is 1420. UDP is sent as fast as iperf3 can, and the packets that arrive are counted; a packet's length
is that of the inner IP packet. UDP in bursts is sent like QUIC: 40 datagrams per call (UDP_SEGMENT), with
at most 1 MiB in flight. A ping is sent every 5 ms through an otherwise idle tunnel.

${table(['figure', ...names], figures)}

${ratios(names, results, measured)}`;
}

function ratios(names, results, measured) {
  const subject = names.includes(NATIVE) ? NATIVE : names.find((name) => name.startsWith('wg-ts'));
  const others = names.filter((name) => name !== subject);
  if (!subject || others.length === 0) return '';
  // The bare veth is last: its ratio is the cost of having a tunnel at all.
  others.sort((a, b) => (a === BARE) - (b === BARE));
  const rows = measured.map((key) => [
    titleOf(key),
    ...others.map((name) => ratio(results.get(subject).get(key), results.get(name).get(key))),
  ]);
  return `### Ratios of the medians: ${subject} to each other

${table(['figure', ...others.map((name) => `/ ${name}`)], rows)}`;
}
