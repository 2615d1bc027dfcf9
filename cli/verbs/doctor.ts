import { existsSync } from 'node:fs';
import { isIP } from 'node:net';
import { Command, InvalidArgumentError, Option } from 'commander';
import { resolveConfigPath } from '../../src/config/file.js';
import type { SubjectName } from '../doctor/doctor.js';
import { EXIT_INTERRUPTED } from '../explain.js';
import { print, stdoutColors } from '../output.js';
import { StateFolder } from '../runtime/state.js';
import { resolveTarget } from '../target.js';

interface DoctorOptions {
  readonly json?: boolean;
  readonly probe: boolean;
  readonly reach: readonly string[];
}

export const doctorCommand: Command = new Command('doctor')
  .summary('find out why a tunnel does not work')
  .description(
    `Looks for the usual causes and says how to fix each. Changes nothing on this machine.

Through a tunnel that is up it sends a few pings. For a file that is not up it makes one handshake with each peer, which from then on sends this client's traffic to this machine.`,
  )
  .argument(
    '[NAME|FILE]',
    'a tunnel that is up, or a .conf file (default: all tunnels that are up)',
  )
  .option('--no-probe', 'send nothing to the peers')
  .addOption(
    new Option(
      '--reach <ADDRESS>',
      'an address behind the peer that should answer; may be repeated',
    )
      .argParser(addAddress)
      .default([], 'none'),
  )
  .option('--json', 'print the report as JSON')
  .addHelpText(
    'after',
    `
Exit code 1: a problem was found. Warnings do not count as problems.

Examples:
  sudo wg-ts doctor office
  wg-ts doctor office.conf
  sudo wg-ts doctor office --reach 10.0.0.53 --json`,
  )
  .action(async (nameOrFile: string | undefined, options: DoctorOptions) => {
    const names = nameOrFile === undefined ? await allNames() : [named(nameOrFile)];
    const { examine } = await import('../doctor/doctor.js');
    const report = await import('../doctor/report.js');
    const { json = false, probe, reach } = options;
    const { bold, red, yellow, green, dim } = stdoutColors();
    const paint = {
      problem: (text: string) => bold(red(text)),
      warning: yellow,
      ok: green,
      skipped: dim,
    };
    const width = process.stdout.isTTY ? process.stdout.columns : undefined;
    const look = { paint, ...(width !== undefined && { width }) };
    const interrupted = new AbortController();
    for (const signal of ['SIGINT', 'SIGTERM'] as const)
      process.on(signal, () => interrupted.abort());
    const findings = await examine(names, {
      probe,
      reach,
      signal: interrupted.signal,
      onBlock(title, block) {
        if (!json) print(`${report.formatFindings(block, bold(title), look)}\n`);
      },
    });
    if (json) print(`${JSON.stringify(report.toJson(findings), undefined, 2)}\n`);
    else print(report.formatVerdict(findings, width));
    const isProblem = findings.some(({ state }) => state === 'problem');
    process.exitCode = interrupted.signal.aborted ? EXIT_INTERRUPTED : isProblem ? 1 : 0;
  });

function addAddress(address: string, others: readonly string[]): readonly string[] {
  if (isIP(address) === 0) throw new InvalidArgumentError('It is not an IP address.');
  return [...others, address];
}

/** Throws WgTsError. */
function named(nameOrFile: string): SubjectName {
  const { name, file } = resolveTarget(nameOrFile);
  return { name, file: existsSync(file) ? file : (fileOfTunnel(name) ?? file), isNamed: true };
}

/** Returns the configuration file of a tunnel that is up, or was killed. */
function fileOfTunnel(name: string): string | undefined {
  try {
    return new StateFolder().read(name)?.configFile;
  } catch {
    // Only root may read the state.
    return undefined;
  }
}

/** Includes tunnels that ended without taking down what they had set up. */
async function allNames(): Promise<SubjectName[]> {
  const { listInterfaces } = await import('../wg/interfaces.js');
  const names = await listInterfaces().catch(() => []);
  return names.map((name) => ({ name, file: resolveConfigPath(name), isNamed: false }));
}
