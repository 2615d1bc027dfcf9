// Connects to a WireGuard server, fetches a page through the tunnel, and disconnects. Needs root.
import { readFileSync } from 'node:fs';
import { connect } from 'wg-ts';

const [file, url] = process.argv.slice(2);
if (!file || !url) {
  console.log('usage: sudo node examples/quickstart.mjs office.conf http://10.20.0.1/');
  process.exit();
}
const stop = new AbortController();
process.once('SIGINT', () => stop.abort());
const { signal } = stop;
const tunnel = await connect(readFileSync(file, 'utf8'), { signal });
try {
  console.log('connected to', (await tunnel.handshake({ signal })).endpoint);
  const page = await fetch(url, { signal }).then((response) => response.text());
  console.log(`${page.length} characters from ${url}`, tunnel.stats());
} finally {
  await tunnel.close();
}
