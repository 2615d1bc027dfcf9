/**
 * Imports a module in a process of its own and tells as JSON what that has loaded and done. Arguments:
 * the URL of the module, and the URL of the folder that paths are told relative to.
 */
import childProcess from 'node:child_process';
import dgram from 'node:dgram';
import dns from 'node:dns';
import fs from 'node:fs';
import fsPromises from 'node:fs/promises';
import * as nodeModule from 'node:module';
import net from 'node:net';

const [entry, root] = process.argv.slice(2);
const ROOT = new URL(`${root.replace(/\/$/, '')}/`).href;
const calls = [];
const loaded = new Set();

/** What our own code and that of packages calls; the loader of Node.js calls some of them as well. */
function watch(owner, label) {
  for (const [name, original] of Object.entries(owner)) {
    // Classes and namespaces begin in upper case.
    if (typeof original !== 'function' || !/^[a-z]/.test(name)) continue;
    const watching = function (...args) {
      const caller = new Error('only for its stack').stack.split('\n')[2] ?? '';
      if (caller.includes('file:')) calls.push(`${label}.${name}${caller}`);
      return Reflect.apply(original, this, args);
    };
    owner[name] = Object.assign(watching, original);
  }
}

/** Before Node.js 22.15 the hooks run in a thread of their own, and can but write what they see. */
const SEES_LOADS = `
  import { writeSync } from 'node:fs';
  export async function load(url, context, next) {
    writeSync(FD, url + '\\n');
    return await next(url, context);
  }`;

function watchLoads() {
  if (nodeModule.registerHooks) {
    nodeModule.registerHooks({
      load(url, context, next) {
        loaded.add(url);
        return next(url, context);
      },
    });
    return () => undefined;
  }
  const file = `${process.env['TMPDIR'] ?? '/tmp'}/wg-ts-loads-${process.pid}`;
  const fd = fs.openSync(file, 'w+');
  fs.unlinkSync(file);
  const source = encodeURIComponent(SEES_LOADS.replace('FD', String(fd)));
  nodeModule.register(`data:text/javascript,${source}`);
  return () => {
    const { size } = fs.fstatSync(fd);
    const text = Buffer.alloc(size);
    fs.readSync(fd, text, 0, size, 0);
    fs.closeSync(fd);
    for (const url of text.toString().split('\n').filter(Boolean)) loaded.add(url);
  };
}

function state() {
  return {
    libraries: process.report.getReport().sharedObjects,
    globals: Reflect.ownKeys(globalThis).map(String),
    listeners: process
      .eventNames()
      .flatMap((name) => process.listeners(name).map(() => String(name))),
    environment: Object.entries(process.env).map(([name, value]) => `${name}=${value}`),
    resources: process.getActiveResourcesInfo(),
  };
}

/** Of two lists that may hold an item several times: what is in the second one only. */
function added(before, after) {
  const rest = [...before];
  return after.filter((item) => {
    const at = rest.indexOf(item);
    if (at >= 0) rest.splice(at, 1);
    return at < 0;
  });
}

const readLoads = watchLoads();
const timers = Object.fromEntries(
  ['setTimeout', 'setInterval', 'setImmediate'].map((name) => [name, globalThis[name]]),
);
watch(timers, 'timers');
Object.assign(globalThis, timers);
for (const [owner, label] of [
  [fs, 'fs'],
  [fsPromises, 'fs.promises'],
  [net, 'net'],
  [dgram, 'dgram'],
  [dns, 'dns'],
  [childProcess, 'child_process'],
])
  watch(owner, label);
nodeModule.syncBuiltinESMExports();

const before = state();
await import(entry);
const after = state();
const called = [...calls];
readLoads();
const cache = Object.keys(nodeModule.createRequire(import.meta.url).cache);
for (const file of cache) loaded.add(new URL(`file://${file}`).href);

const effects = Object.fromEntries(
  Object.keys(before).map((kind) => [kind, added(before[kind], after[kind])]),
);
const names = [...loaded].map((url) =>
  url.replace(ROOT, '').replace(/^file:.*\/(?=node_modules\/)/, ''),
);
process.stdout.write(
  JSON.stringify({ loaded: names.sort(), effects: { ...effects, calls: called } }),
  () => process.exit(),
);
