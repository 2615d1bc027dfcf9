import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { type Config, zeroConfig } from '../../src/config/model.js';
import { runNamespaceDemo, whyNoNamespaces } from '../demo/namespaces.js';
import { runProcessDemo } from '../demo/process.js';
import { EXIT_INTERRUPTED } from '../explain.js';
import { loadConfig } from '../load.js';
import { print } from '../output.js';

export const demoCommand: Command = new Command('demo')
  .summary('see a tunnel work on this machine')
  .description(
    'Brings up both ends of a tunnel in this process, over UDP on the loopback interface, and shows the handshake, pings, the throughput of each data plane, a rekey, and roaming. As root it then brings up both with real interfaces in two network namespaces, which it creates and removes again. It takes about ten seconds.',
  )
  .option('--no-root', 'stay within this process even as root')
  .addHelpText('after', '\nExample:\n  wg-ts demo')
  .action(async ({ root }: { root: boolean }) => {
    const interrupted = new AbortController();
    const end = (): void => interrupted.abort();
    for (const signal of ENDING_SIGNALS) process.on(signal, end);
    const isRead = whileRead(end);
    try {
      await runDemo(root, interrupted.signal);
      print(NEXT);
      process.exitCode = 0;
    } catch (error) {
      if (!interrupted.signal.aborted) throw error;
      process.exitCode = isRead() ? EXIT_INTERRUPTED : 0;
    }
  });

const ENDING_SIGNALS: readonly NodeJS.Signals[] = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** When the reader of stdout has gone, everything created has to be removed before the process ends. */
function whileRead(onClosed: () => void): () => boolean {
  let isRead = true;
  process.stdout.removeAllListeners('error').on('error', () => {
    isRead = false;
    onClosed();
  });
  return () => isRead;
}

const NEXT = `
It works. Next steps:
  wg-ts check office.conf       what your configuration would do
  sudo wg-ts up office.conf     bring it up; wg-ts show, wg-ts down office
  wg-ts --help                  everything else
`;

async function runDemo(mayUseRoot: boolean, signal: AbortSignal): Promise<void> {
  const configs = {
    client: await loadExample('demo.conf'),
    server: await loadExample('server.conf'),
  };
  try {
    print('Two tunnels in this process, over UDP on the loopback interface:\n\n');
    await runProcessDemo(configs, signal);
    const obstacle = mayUseRoot ? await whyNoNamespaces() : 'asked to stay within this process';
    if (obstacle === undefined) {
      print('\nTwo network namespaces with real interfaces, client and server:\n');
      await runNamespaceDemo(configs, signal);
    } else print(`\nNo real interfaces: ${obstacle}.\n`);
  } finally {
    zeroConfig(configs.client);
    zeroConfig(configs.server);
  }
}

async function loadExample(name: string): Promise<Config> {
  const file = fileURLToPath(new URL(`../../../configs/${name}`, import.meta.url));
  // Its keys are public, so the warning about its mode is dropped.
  return (await loadConfig(file)).config;
}
