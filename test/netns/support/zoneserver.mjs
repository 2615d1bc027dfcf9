/**
 * A name server on the address of its first argument. The file of its second is read for each query:
 * `names` has the addresses of each name; with `refuses` no query is answered; `truncates` cuts off what is
 * sent over UDP; `forged` is an address that forgers claim, in answers that come first. Prints each query.
 */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import dns from 'dns-packet';

const [address, file] = process.argv.slice(2);
const PORT = 53;
const NO_SUCH_NAME = 3;
const REFUSED = 5;
const zone = () => JSON.parse(readFileSync(file, 'utf8'));

function answerTo(query, { names, refuses }) {
  const [question] = query.questions;
  const addresses = names[question.name.toLowerCase()];
  const data = (addresses ?? []).filter((one) => one.includes(':') === (question.type === 'AAAA'));
  return {
    type: 'response',
    id: query.id,
    flags:
      dns.RECURSION_DESIRED |
      dns.RECURSION_AVAILABLE |
      (refuses ? REFUSED : addresses ? 0 : NO_SUCH_NAME),
    questions: query.questions,
    answers: data.map((one) => ({ type: question.type, name: question.name, ttl: 1, data: one })),
  };
}

function read(bytes, over) {
  const query = dns.decode(bytes);
  const [{ name, type }] = query.questions;
  console.log(`${over} ${name} ${type}`);
  return query;
}

const udp = createSocket('udp4');
const elsewhere = createSocket('udp4');
udp.on('message', async (bytes, { address: client, port }) => {
  const now = zone();
  const query = read(bytes, 'udp');
  const answer = answerTo(query, now);
  const send = (message, socket = udp) =>
    new Promise((resolve) => socket.send(dns.encode(message), port, client, resolve));
  if (now.forged) {
    const [question] = query.questions;
    const of = (change, name = question.name) => ({
      ...answer,
      flags: answer.flags & ~0xf,
      answers: [{ type: 'A', name, ttl: 1, data: now.forged }],
      ...change,
    });
    await send(of({ id: query.id ^ 1 }));
    await send(
      of({ questions: [{ ...question, name: 'other.example.com' }] }, 'other.example.com'),
    );
    await send(of({ questions: [{ ...question, type: 'TXT' }] }));
    await send(of({ type: 'query' }));
    await send(of({}), elsewhere);
  }
  if (!now.truncates) await send(answer);
  else await send({ ...answer, flags: answer.flags | dns.TRUNCATED_RESPONSE, answers: [] });
});
const tcp = createServer((socket) => {
  socket.on('error', () => socket.destroy());
  socket.once('data', (bytes) => {
    socket.end(dns.streamEncode(answerTo(read(bytes.subarray(2), 'tcp'), zone())));
  });
});
udp.bind(PORT, address, () => tcp.listen(PORT, address, () => console.log('answering')));
