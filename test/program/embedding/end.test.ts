import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, it } from 'vitest';
import { describeSystem, LIBRARY } from '../../netns/support/requirements.js';
import { newKeys } from '../../src/support.js';

const keys = newKeys();
const peer = newKeys();

describeSystem('the end of a tunnel', ['cli'], () => {
  it('lets the process end (needs `npm run build`)', async () => {
    const program = `
      const { connect, MemoryTun, parseConfig } = await import(${JSON.stringify(LIBRARY)});
      const { config } = parseConfig(process.env.CONFIG);
      const tun = new MemoryTun();
      const options = { name: 'test', tun, udp: { ipv4Address: '127.0.0.1', ipv6: false } };
      const tunnel = await connect(config, options);
      await new Promise((resolve) => setTimeout(resolve, 50));
      await tunnel.close();
      process.stdout.write('down');
    `;
    const child = spawn(process.execPath, ['--input-type=module', '-e', program], {
      env: {
        ...process.env,
        CONFIG: `[Interface]\nPrivateKey = ${keys.privateKey}\n[Peer]\nPublicKey = ${peer.publicKey}\nEndpoint = 127.0.0.1:9\nPersistentKeepalive = 25\n`,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let output = '';
    child.stdout.on('data', (chunk) => {
      output += chunk;
    });
    const patience = setTimeout(() => child.kill('SIGKILL'), 15_000);
    const [code] = await once(child, 'close');
    clearTimeout(patience);
    expect([output, code]).toEqual(['down', 0]);
  });
});
