import { renameSync } from 'node:fs';
import { isKillSwitchUndo } from '../../network/linux/killswitch.js';
import { openNetConfig } from '../../network/open.js';
import { uapiSocket } from '../../src/uapi/client.js';
import { removeStaleSocket, whyUnreachable } from '../../src/uapi/server.js';
import type { Command } from '../../system/commands.js';
import { WgTsError } from '../../system/errors.js';
import { isHookCommand, runHookCommand } from '../../system/shell.js';
import { withLock } from './lock.js';
import { awaitOrphans } from './orphans.js';
import { isAlive, ownIdentity } from './process.js';
import { StateFolder, type TunnelState } from './state.js';
import { runtimeSystem } from './system.js';

/** The exclusive right of this process to run the tunnel of a name. */
export interface Claim {
  /** For ProgramOptions.journal. */
  record(commands: readonly Command[]): void;
  ready(): void;
  /** True if a kill switch is in place that was left by a process that was killed. */
  readonly inheritsKillSwitch: boolean;
  /** Call it after everything is undone. `keepKillSwitch` leaves a record of it for `wg-ts down`. */
  release(options?: { readonly keepLog?: boolean; readonly keepKillSwitch?: boolean }): void;
}

export interface ClaimOptions {
  readonly folder?: StateFolder;
  /** The log file that the starting process created; becomes the log of the name. */
  readonly earlyLog?: string;
  /** The absolute path of the configuration file. */
  readonly configFile?: string;
  /** Leaves the kill switch of a process that was killed in place until the tunnel sets its own. */
  readonly keepKillSwitch?: boolean;
  readonly onRecovery?: (message: string) => void;
  readonly onError?: (error: Error) => void;
}

/**
 * Claims a name, after cleaning up what a process that was killed left behind. Throws WgTsError
 * ERR_ALREADY_UP when the name is taken; if several processes try, one succeeds.
 */
export async function claimName(name: string, options: ClaimOptions = {}): Promise<Claim> {
  const { folder = new StateFolder(), onRecovery, onError, configFile } = options;
  const { keepKillSwitch = false } = options;
  folder.create();
  let state: TunnelState = {
    ...ownIdentity(),
    ready: false,
    undo: [],
    ...(configFile !== undefined && { configFile }),
  };
  await withLock(folder.lockFile, async () => {
    const other = folder.read(name);
    if (other && isAlive(other)) throw alreadyUp(name, other);
    if (other) {
      onRecovery?.(`${name} was not taken down (its process ${other.pid} is gone): cleaning up`);
      await recover(name, folder, onError, { keepKillSwitch });
      state = { ...state, undo: folder.read(name)?.undo ?? [] };
    }
    await refuseForeign(name);
    folder.removeLeftovers(name);
    folder.write(name, state);
  });
  folder.removeLog(name);
  if (options.earlyLog !== undefined && runtimeSystem().logFolder === undefined)
    renameSync(options.earlyLog, folder.logFile(name));

  const write = (change: Partial<TunnelState>): void => {
    state = { ...state, ...change };
    folder.write(name, state);
  };
  return {
    inheritsKillSwitch: state.undo.some(isKillSwitchUndo),
    record: (undo) => write({ undo }),
    ready: () => write({ ready: true }),
    release({ keepLog = false, keepKillSwitch = false } = {}) {
      const undo = keepKillSwitch ? state.undo.filter(isKillSwitchUndo) : [];
      // The state is removed last: as long as it exists, a later process finds what else is left.
      if (!keepLog) folder.removeLog(name);
      if (undo.length > 0) write({ ready: false, undo });
      else folder.remove(name);
    },
  };
}

function alreadyUp(name: string, { pid, ready }: TunnelState): WgTsError {
  const is = ready ? 'already up' : 'already being brought up';
  return new WgTsError('ERR_ALREADY_UP', `${name} is ${is} (pid ${pid}): wg-ts down ${name}`);
}

/**
 * Undoes what a process that is gone had recorded, and resolves to those commands. A kill switch that is
 * to be kept stays recorded.
 */
export async function recover(
  name: string,
  folder: StateFolder,
  onError: ((error: Error) => void) | undefined,
  { keepKillSwitch = false }: { readonly keepKillSwitch?: boolean } = {},
): Promise<readonly Command[]> {
  const state = folder.read(name);
  if (state) await awaitOrphans(state.pid);
  const isKept = (command: Command): boolean => keepKillSwitch && isKillSwitchUndo(command);
  const undo = (state?.undo ?? []).filter((command) => !isKept(command));
  const kept = (state?.undo ?? []).filter(isKept);
  const netConfig = await openNetConfig();
  for (const command of undo.toReversed()) {
    // Hooks are separate because of Windows, where only the shell takes a command line verbatim.
    if (isHookCommand(command)) await runHookCommand(command, (error) => onError?.(error));
    else await netConfig.undo([command], (error) => onError?.(error));
  }
  await removeStaleSocket(uapiSocket(name));
  folder.removeLog(name);
  if (state && kept.length > 0) folder.write(name, { ...state, undo: kept });
  else folder.remove(name);
  return undo;
}

/** Undoes what is left of a tunnel whose record is lost, and resolves to the commands for that. */
export async function undoWithoutRecord(
  name: string,
  onError: ((error: Error) => void) | undefined,
): Promise<Command[]> {
  const netConfig = await openNetConfig();
  const commands = [...((await netConfig.leftBehind?.(name)) ?? [])];
  await netConfig.undo(commands, (error) => onError?.(error));
  return commands;
}

/** Runs before any hook: the kernel would refuse the name only later, and not in every case. */
async function refuseForeign(name: string): Promise<void> {
  if (await runtimeSystem().hasInterface(name))
    throw new WgTsError(
      'ERR_ALREADY_UP',
      `interface ${name} already exists, created by another program`,
      {
        hint: `take it down with that program${process.platform === 'linux' ? ` (wg-quick down ${name}, ip link del ${name})` : ''}, or rename the file`,
      },
    );
  if ((await whyUnreachable(uapiSocket(name))) === undefined)
    throw new WgTsError(
      'ERR_ALREADY_UP',
      `another program runs a WireGuard interface ${name}, perhaps in another network namespace`,
      { hint: `see wg show ${name}; or rename the file` },
    );
}
