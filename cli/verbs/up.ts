import { Command, InvalidArgumentError, Option } from 'commander';
import { formatEndpoint } from '../../src/config/format.js';
import { parseListener } from '../../src/config/values.js';
import type { DataPlaneKind, MetricsAddress } from '../../src/index.js';
import { runInBackground } from '../daemon/background.js';
import { startInstalled } from '../installed.js';
import { dataPlaneOption, workersOption } from '../planeoptions.js';
import { requireRoot, resolveTarget } from '../target.js';
import { resolutionRetries } from '../wg/retries.js';

interface UpOptions {
  readonly foreground?: boolean;
  readonly verbose?: boolean;
  readonly daemon?: boolean;
  readonly dataPlane?: DataPlaneKind;
  readonly workers?: number;
  readonly allowHooks?: boolean;
  readonly killSwitch?: boolean;
  readonly excludeLan?: boolean;
  readonly metrics?: MetricsAddress;
}

export const upCommand: Command = new Command('up')
  .summary('bring a tunnel up')
  .description(
    'Brings up the tunnel of a configuration file and leaves it running in the background.',
  )
  .argument('<FILE|NAME>', 'a .conf file; NAME alone means /etc/wireguard/NAME.conf')
  .option('-f, --foreground', 'stay, log to the terminal, and take the tunnel down on Ctrl-C')
  .option('-v, --verbose', 'log more')
  .addOption(dataPlaneOption().env('WG_TS_DATAPLANE'))
  .addOption(workersOption().env('WG_TS_WORKERS'))
  .option('--allow-hooks', 'on Windows: run PreUp, PostUp, PreDown and PostDown of the file')
  .option('--kill-switch', 'let nothing past the tunnel until it is taken down, also after a crash')
  .option('--exclude-lan', 'leave the local network out of a default route')
  .option(
    '--metrics <ADDRESS:PORT>',
    'serve metrics for Prometheus, and /healthz, by HTTP',
    parseMetricsAddress,
  )
  .addOption(new Option('--daemon').hideHelp())
  .addHelpText(
    'after',
    `
On Windows NAME alone means a stored configuration, and where that is a service, the service is started.

wg-ts logs NAME shows what it logs in the background. WG_ENDPOINT_RESOLUTION_RETRIES is understood as
by wg(8).

Examples:
  sudo wg-ts up office.conf
  sudo wg-ts up --foreground office.conf`,
  )
  .action(async (fileOrName: string, options: UpOptions) => {
    const target = resolveTarget(fileOrName);
    requireRoot('up', `up ${fileOrName}`);
    const { retries } = resolutionRetries();
    if (!options.daemon && !options.foreground && (await startInstalled(fileOrName))) return;
    if (options.daemon || options.foreground) {
      // Loaded here, since the process that only waits for another can do without.
      const { runDaemon, runForeground } = await import('../daemon/run.js');
      const run = options.daemon ? runDaemon : runForeground;
      const { verbose = false, dataPlane, workers, allowHooks, killSwitch, excludeLan } = options;
      process.exitCode = await run(target, {
        verbose,
        ...(retries !== undefined && { resolveRetries: retries }),
        ...(dataPlane !== undefined && { dataPlane }),
        ...(workers !== undefined && { workers }),
        ...(allowHooks !== undefined && { allowHooks }),
        ...(killSwitch !== undefined && { killSwitch }),
        ...(excludeLan !== undefined && { excludeLan }),
        ...(options.metrics && { metrics: options.metrics }),
      });
    } else {
      process.exitCode = await runInBackground([
        'up',
        '--daemon',
        ...(options.verbose ? ['--verbose'] : []),
        ...(options.dataPlane ? ['--data-plane', options.dataPlane] : []),
        ...(options.workers ? ['--workers', String(options.workers)] : []),
        ...(options.allowHooks ? ['--allow-hooks'] : []),
        ...(options.killSwitch ? ['--kill-switch'] : []),
        ...(options.excludeLan ? ['--exclude-lan'] : []),
        ...(options.metrics ? ['--metrics', formatEndpoint(options.metrics)] : []),
        '--',
        fileOrName,
      ]);
    }
    // Nothing may keep the process now: not a channel, not a client of the socket.
    process.exit();
  });

function parseMetricsAddress(text: string): MetricsAddress {
  let complaint = '';
  const address = parseListener(text, (message) => {
    complaint ||= message;
  });
  if (address) return address;
  throw new InvalidArgumentError(`It ${complaint}.`);
}
