// Asks for the native data plane, and prints the error as JSON: it is run where there is none.
import { connect, encodeKey, generatePrivateKey, memoryTunPair } from 'wg-ts';

const text = `[Interface]\nPrivateKey = ${encodeKey(generatePrivateKey().expose())}\n`;
const [tun] = memoryTunPair();
try {
  const tunnel = await connect(text, {
    tun,
    dataPlane: 'native',
    udp: { ipv4Address: '127.0.0.1', ipv6: false },
  });
  await tunnel.close();
  console.log(JSON.stringify({ name: 'none' }));
} catch ({ name, code, message, hint }) {
  console.log(JSON.stringify({ name, code, message, hint }));
}
