import { Command, Option } from 'commander';
import { runInBackground } from '../daemon/background.js';
import { startInstalled } from '../installed.js';
import { requireRoot, resolveTarget } from '../target.js';
import { addUpOptions, type UpSettings, upArguments } from '../upoptions.js';
import { resolutionRetries } from '../wg/retries.js';

interface UpOptions extends UpSettings {
  readonly foreground?: boolean;
  readonly daemon?: boolean;
}

const command = new Command('up')
  .summary('bring a tunnel up')
  .description(
    'Brings up the tunnel described by a configuration file and leaves it running in the background.',
  )
  .argument('<FILE|NAME>', 'a .conf file; NAME alone means /etc/wireguard/NAME.conf')
  .option(
    '-f, --foreground',
    'stay in the foreground, log to the terminal, and take the tunnel down on Ctrl-C',
  );

export const upCommand: Command = addUpOptions(command)
  .addOption(new Option('--daemon').hideHelp())
  .addHelpText(
    'after',
    `
On Windows NAME alone means a stored configuration; if it belongs to a service, the service is started.

wg-ts logs NAME shows the log of a tunnel in the background. WG_ENDPOINT_RESOLUTION_RETRIES works as for
wg(8).

Examples:
  sudo wg-ts up office.conf
  sudo wg-ts up --foreground office.conf`,
  )
  .action(async (fileOrName: string, { foreground, daemon, ...settings }: UpOptions) => {
    const target = resolveTarget(fileOrName);
    requireRoot('up', `up ${fileOrName}`);
    const { retries } = resolutionRetries();
    if (!daemon && !foreground && (await startInstalled(fileOrName))) return;
    if (daemon || foreground) {
      // Loaded here, since the process that only waits for the other does not need it.
      const { runDaemon, runForeground } = await import('../daemon/run.js');
      const run = daemon ? runDaemon : runForeground;
      process.exitCode = await run(target, {
        ...settings,
        ...(retries !== undefined && { resolveRetries: retries }),
      });
    } else {
      const args = ['up', '--daemon', ...upArguments(settings), '--', fileOrName];
      process.exitCode = await runInBackground(args);
    }
    // Nothing may keep the process alive now, such as a channel or a client of the socket.
    process.exit();
  });
