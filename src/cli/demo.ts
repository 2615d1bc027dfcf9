import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { zeroConfig } from '../config/model.js';
import { runMemoryDemo } from './demo-memory.js';
import { runNamespaceDemo, whyNoNamespaces } from './demo-namespaces.js';
import { EXIT_INTERRUPTED } from './explain.js';
import { loadConfig } from './load.js';
import { print } from './output.js';

export const demoCommand: Command = new Command('demo')
  .summary('see a tunnel work, here and now')
  .description(
    `Brings up both ends of a tunnel on this machine and sends pings through it. As root it makes two
network namespaces with real interfaces and removes them again; else both ends live in this process
and talk over UDP on the loopback interface.`,
  )
  .option('--no-root', 'stay within this process even as root')
  .addHelpText('after', '\nExample:\n  wg-ts demo')
  .action(async ({ root }: { root: boolean }) => {
    const interrupted = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => interrupted.abort());
    try {
      await runDemo(root, interrupted.signal);
      print(NEXT);
      process.exitCode = 0;
    } catch (error) {
      if (!interrupted.signal.aborted) throw error;
      process.exitCode = EXIT_INTERRUPTED;
    }
  });

const NEXT = `
It works. What to type next:
  wg-ts check office.conf       what your configuration would do
  sudo wg-ts up office.conf     bring it up; wg-ts show, wg-ts down office
  wg-ts --help                  everything else
`;

async function runDemo(mayUseRoot: boolean, signal: AbortSignal): Promise<void> {
  const [client, server] = [await loadExample('demo.conf'), await loadExample('server.conf')];
  try {
    const obstacle = mayUseRoot ? await whyNoNamespaces() : 'asked to stay within this process';
    if (obstacle === undefined) {
      print('Two network namespaces with real interfaces, client and server:\n');
      await runNamespaceDemo(client, server, signal);
    } else {
      print(`Both ends in this process, over UDP on the loopback interface (${obstacle}):\n`);
      await runMemoryDemo(client, server, signal);
    }
  } finally {
    zeroConfig(client);
    zeroConfig(server);
  }
}

async function loadExample(
  name: string,
): Promise<Awaited<ReturnType<typeof loadConfig>>['config']> {
  const file = fileURLToPath(new URL(`../../../configs/${name}`, import.meta.url));
  // The keys in it are published, so that nobody need be warned about its mode.
  return (await loadConfig(file)).config;
}
