// The section of the Windows data planes: packets per second between the stand-in for Wintun and the
// sockets, on the Windows build of Node.js under Wine. The planes are measured in turn.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { compile, sourcesFor } from '../native/build.mjs';
import { openWindows } from '../test/wine/run.mjs';
import { whyNoWine, windowsPath } from '../test/wine/setup.mjs';
import { circumstances } from './machine.mjs';
import { inShort } from './tables.mjs';

const PUMP = fileURLToPath(new URL('./windows/pump.ts', import.meta.url));
const FLOOD = fileURLToPath(new URL('./windows/flood.mjs', import.meta.url));
const LIMIT = 120_000;
const PLANES = ['portable', 'native'];
const CASES = ['out', 'in'].flatMap((direction) => [64, 1400].map((size) => ({ direction, size })));
const SOCKETS = fileURLToPath(new URL('./windows/winsock.c', import.meta.url));
/** Functions called by the library that winsock.c replaces. */
const REPLACED = {
  WSASendTo: 'bench_send_to',
  WSAIoctl: 'bench_ioctl',
  WSAEventSelect: 'bench_event_select',
};

/** Resolves to the text of the section and what went wrong. */
export async function measureWindows({ repeats, seconds }) {
  const reason = whyNoWine();
  if (reason !== undefined) return { missing: [`Windows: ${reason}`] };
  const folder = mkdtempSync(join(tmpdir(), 'wg-ts-bench-'));
  const wine = openWindows(folder);
  try {
    const library = windowsPath(libraryWithoutNetwork(join(folder, 'wgts.dll')));
    const tables = {};
    for (const sockets of [library, 'wine']) {
      const rows = [];
      for (const one of CASES)
        rows.push(await row(wine, folder, { ...one, sockets }, repeats, seconds));
      tables[sockets === 'wine' ? 'wine' : 'none'] = rows;
    }
    return { text: textOf(tables, repeats, seconds), missing: [] };
  } catch (error) {
    return { missing: [`Windows: ${inShort(error)}`] };
  } finally {
    wine.close();
    rmSync(folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

function libraryWithoutNetwork(out) {
  const target = 'win32-x64';
  const flags = Object.entries(REPLACED).map(([name, ours]) => `-D${name}=${ours}`);
  compile({ out, target, flags, files: [...sourcesFor(target), SOCKETS] });
  return out;
}

async function row(wine, folder, { direction, size, sockets }, repeats, seconds) {
  const rates = { portable: [], native: [] };
  for (let i = 0; i < repeats; i++)
    for (const plane of PLANES) {
      const args = [plane, direction, size, seconds, sockets];
      const { packets, milliseconds } = await pump(wine, folder, args);
      rates[plane].push((packets * 1000) / milliseconds);
    }
  return { direction, size, portable: median(rates.portable), native: median(rates.native) };
}

async function pump(wine, folder, args) {
  const result = join(folder, 'pump.json');
  const output = join(folder, 'pump.txt');
  const port = `${result}.port`;
  for (const file of [result, port]) rmSync(file, { force: true });
  const fd = openSync(output, 'w');
  const all = [windowsPath(PUMP), windowsPath(result), ...args.map(String)];
  const child = spawn('wine', [wine.node, ...all], {
    env: wine.env,
    stdio: ['ignore', fd, fd],
    timeout: LIMIT,
  });
  closeSync(fd);
  const ended = once(child, 'exit');
  let flood;
  if (args.includes('in') && args.includes('wine')) {
    while (!existsSync(port) && child.exitCode === null) await sleep(50);
    flood = spawn(process.execPath, [FLOOD, readFileSync(port, 'utf8'), String(args[2])], {
      stdio: 'inherit',
    });
  }
  await ended;
  flood?.kill();
  if (existsSync(result)) return JSON.parse(readFileSync(result, 'utf8'));
  throw new Error(`${args.join(' ')}: ${readFileSync(output, 'utf8')}`);
}

function median(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function tableOf(rows) {
  const number = (value) => Math.round(value).toLocaleString('en-US');
  const lines = rows.map(
    ({ direction, size, portable, native }) =>
      `| ${direction}, ${size} bytes | ${number(portable)} | ${number(native)} | ${(native / portable).toFixed(1)} |`,
  );
  return ['| | portable | native | ratio |', '| --- | ---: | ---: | ---: |', ...lines].join('\n');
}

function textOf({ none, wine }, repeats, seconds) {
  return `## Windows: packets through Wintun

${circumstances()}; the Windows build of Node.js under Wine.

Packets per second, medians of ${repeats} runs of ${seconds} seconds, the planes in turn. Wintun is replaced by a stand-in
with the same contract but no driver, so the driver's cost on a real Windows is not included. "out": read
from a ring that never runs empty, sealed and sent. "in": received, opened, and written to the ring.

With sockets that cost next to nothing on either side, to show what each plane can do:

${tableOf(none)}

With Wine's own sockets, where a server process of Wine handles each datagram of both planes and limits the
faster one ("in": from a sender outside of Wine):

${tableOf(wine)}
`;
}
