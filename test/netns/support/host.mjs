// A program that has a tunnel among other work: it brings one up through the public API and, at SIGUSR2,
// lets nothing else run for as long as it was told.
//   host.mjs MODULE FILE NAME MILLISECONDS
// MODULE is what `import 'wg-ts'` would find. It ends well at SIGTERM and tells its longest stall.
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

const [module, file, name, milliseconds] = process.argv.slice(2);
const { connect, parseConfig } = await import(pathToFileURL(module).href);

/** Milliseconds. */
let longestStall = 0;
let last = performance.now();
setInterval(() => {
  const now = performance.now();
  longestStall = Math.max(longestStall, now - last);
  last = now;
}, 50);

process.on('SIGUSR2', () => {
  console.log('stalls');
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, Number(milliseconds));
  console.log('goes on');
});
const { config } = parseConfig(readFileSync(file, 'utf8'), { file });
const tunnel = await connect(config, { name });
console.log(`up: ${tunnel.status().dataPlane}`);

process.once('SIGTERM', async () => {
  await tunnel.close();
  console.log(JSON.stringify({ longestStall }));
  process.exit();
});
