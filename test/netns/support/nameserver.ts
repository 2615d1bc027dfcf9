/** A name server for tests, with one address for all names. */
import type { Namespace } from './lab.js';
import type { Running } from './process.js';

export interface NameServerOptions {
  /** The address that it is asked at. */
  readonly listen: string;
  /** The IPv4 address of every name; names have no other records. */
  readonly answer: string;
}

const PROGRAM = `
const [listen, answer] = process.argv.slice(1);
const socket = require('node:dgram').createSocket('udp4');
socket.on('message', (query, { address, port }) => {
  let end = 12;
  while (query[end]) end += query[end] + 1;
  const isA = query.readUInt16BE(end + 1) === 1;
  const head = Buffer.from(query.subarray(0, end + 5));
  head.writeUInt16BE(0x8180, 2);
  head.writeUInt16BE(isA ? 1 : 0, 6);
  head.writeUInt32BE(0, 8);
  const record = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 1, 0, 4, ...answer.split('.').map(Number)];
  socket.send(isA ? Buffer.concat([head, Buffer.from(record)]) : head, port, address);
});
socket.bind(53, listen, () => console.log('answering'));
`;

/** Resolves when it answers; the lab ends it. */
export async function startNameServer(
  namespace: Namespace,
  { listen, answer }: NameServerOptions,
): Promise<Running> {
  const running = namespace.spawn([process.execPath, '-e', PROGRAM, listen, answer]);
  await running.says(/answering/);
  return running;
}

/** Resolves to the IPv4 address of a name as programs see it; undefined when it does not resolve. */
export async function lookUp(namespace: Namespace, name: string): Promise<string | undefined> {
  const { stdout } = await namespace.run(['getent', 'ahostsv4', name]);
  return /^\S+/.exec(stdout)?.[0];
}
