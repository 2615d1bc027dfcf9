// Moves pseudo-random bytes over TCP, as many each way at the same time, and prints the SHA-256 of what
// was sent and of what came.
//   transfer.mjs serve ADDRESS PORT BYTES
//   transfer.mjs connect ADDRESS PORT BYTES
// A connection for each way, so that segments with data follow each other without news of the other
// way's in between.
import { createCipheriv, createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, connect as openConnection } from 'node:net';

const [role, address, port, total] = process.argv.slice(2);

const UP = 'u';
const DOWN = 'd';
const MAX_WRITE = 256 * 1024;
const zeros = Buffer.alloc(MAX_WRITE);

/** Lengths of writes: a few bytes, somewhat more than a segment, and whole buffers. */
function* writeLengths(bytes) {
  const lengths = [MAX_WRITE, 65_537, MAX_WRITE, 1, 1400, MAX_WRITE, 100_003, 4096, 13, MAX_WRITE];
  for (let i = 0, left = bytes; left > 0; i++) {
    const length = Math.min(left, lengths[i % lengths.length]);
    yield length;
    left -= length;
  }
}

/** A stream that cannot be joined or cut wrongly without notice: the keystream of a random key. */
async function send(socket, bytes) {
  const cipher = createCipheriv('aes-128-ctr', randomBytes(16), randomBytes(16));
  const hash = createHash('sha256');
  for (const length of writeLengths(bytes)) {
    const chunk = cipher.update(zeros.subarray(0, length));
    hash.update(chunk);
    if (!socket.write(chunk)) await once(socket, 'drain');
  }
  socket.end();
  return { bytes, sha256: hash.digest('hex') };
}

async function receive(socket) {
  const hash = createHash('sha256');
  let bytes = 0;
  for await (const chunk of socket) {
    hash.update(chunk);
    bytes += chunk.length;
  }
  return { bytes, sha256: hash.digest('hex') };
}

async function serve() {
  const server = createServer({ allowHalfOpen: true });
  server.listen(Number(port), address, () => console.log('ready'));
  const ways = {};
  await new Promise((resolve, reject) => {
    server.on('connection', async (socket) => {
      try {
        const [first] = await once(socket, 'data');
        socket.pause();
        // Bytes of the stream may have come along with the first one.
        if (first.length > 1) socket.unshift(first.subarray(1));
        if (String.fromCharCode(first[0]) === UP) {
          ways.received = await receive(socket);
          socket.end();
        } else {
          ways.sent = await send(socket, Number(total));
          // Not before the other end has all of it.
          await receive(socket);
        }
        if (ways.received && ways.sent) resolve();
      } catch (error) {
        reject(error);
      }
    });
  });
  server.close();
  return ways;
}

async function open(way) {
  const socket = openConnection({ port: Number(port), host: address, allowHalfOpen: true });
  await once(socket, 'connect');
  socket.write(way);
  return socket;
}

async function connect() {
  const [up, down] = [await open(UP), await open(DOWN)];
  const [sent, received] = await Promise.all([send(up, Number(total)), receive(down)]);
  down.end();
  await receive(up);
  return { sent, received };
}

const began = performance.now();
const ways = await (role === 'serve' ? serve() : connect());
console.log(JSON.stringify({ ...ways, seconds: (performance.now() - began) / 1000 }));
