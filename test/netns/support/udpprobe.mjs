// Sends datagrams from a socket of its own and prints how many answers came, as a program because a
// socket belongs to the namespace of its process.
//   udpprobe.mjs ADDRESS PORT HEX...   sends each and waits a second
//   udpprobe.mjs echo ADDRESS PORT     answers everything until it is ended
import { createSocket } from 'node:dgram';

const [first, second, third, ...rest] = process.argv.slice(2);
const socketFor = (address) => createSocket(address.includes(':') ? 'udp6' : 'udp4');

if (first === 'echo') {
  const socket = socketFor(second);
  socket.on('message', (message, { port, address }) => socket.send(message, port, address));
  socket.bind(Number(third), second, () => console.log('ready'));
} else {
  const socket = socketFor(first);
  let answers = 0;
  socket.on('message', () => answers++);
  socket.bind(0, () => {
    for (const payload of [third, ...rest])
      socket.send(Buffer.from(payload, 'hex'), Number(second), first);
    setTimeout(() => {
      console.log(`answers=${answers}`);
      socket.close();
    }, 1000);
  });
}
