import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '../../system/commands.js';
import { WgTsError } from '../../system/errors.js';
import { recover, undoWithoutRecord } from './claim.js';
import { withLock } from './lock.js';
import { isAlive, killProcess, type ProcessIdentity } from './process.js';
import { StateFolder } from './state.js';
import { runtimeSystem } from './system.js';

const POLL_MS = 25;
const PATIENCE_MS = 15_000;
const KILL_PATIENCE_MS = 2000;

export interface StopOptions {
  readonly folder?: StateFolder;
  readonly onNote?: (message: string) => void;
  readonly onError?: (error: Error) => void;
}

/**
 * Ends the tunnel of a name, whatever state its process is in. Resolves to the commands that were run to
 * undo it, in the order of execution. Throws WgTsError ERR_NOT_UP.
 */
export async function stopTunnel(name: string, options: StopOptions = {}): Promise<Command[]> {
  const { folder = new StateFolder(), onNote, onError } = options;
  const state = folder.read(name);
  if (!state) {
    const undone = await removeLeftovers(name, folder, onError);
    if (undone.length > 0) return undone;
    throw notUp(name, folder);
  }
  if (!isAlive(state)) onNote?.(`the process ${state.pid} of ${name} is gone: cleaning up`);
  const willEnd = !isAlive(state) || (await runtimeSystem().askToEnd(name, state));
  if (!(await hasEnded(state, willEnd ? PATIENCE_MS : 0))) {
    onNote?.(
      `the process ${state.pid} of ${name} does not ${willEnd ? 'end' : 'answer'}: killing it`,
    );
    killProcess(state);
    if (!(await hasEnded(state, KILL_PATIENCE_MS)))
      throw new WgTsError('ERR_NOT_UP', `the process ${state.pid} of ${name} cannot be killed`);
  }
  await withLock(folder.lockFile, async () => {
    const left = folder.read(name);
    // A new process may have claimed the name in the meantime.
    if (left && !isAlive(left)) await recover(name, folder, onError);
  });
  return state.undo.toReversed();
}

/** Resolves to the commands that were run. */
async function removeLeftovers(
  name: string,
  folder: StateFolder,
  onError: StopOptions['onError'],
): Promise<Command[]> {
  // It is in a file system that a power failure empties.
  if (!existsSync(folder.path)) return await undoWithoutRecord(name, onError);
  return await withLock(folder.lockFile, async () => {
    if (folder.read(name)) return [];
    folder.removeLeftovers(name);
    return await undoWithoutRecord(name, onError);
  });
}

function notUp(name: string, folder: StateFolder): WgTsError {
  const log = folder.logFile(name);
  return new WgTsError('ERR_NOT_UP', `${name} is not up`, {
    hint: hintFor(name, existsSync(log) ? log : undefined),
  });
}

/** If logs outlive their tunnel, the existence of one does not mean that the tunnel failed. */
function hintFor(name: string, log: string | undefined): string {
  if (runtimeSystem().logFolder !== undefined)
    return `wg-ts show lists what is up; wg-ts logs ${name} shows the log of its last run`;
  if (log !== undefined) return `it ended unexpectedly: wg-ts logs ${name} shows why (${log})`;
  return `wg-ts show lists what is up; if wg-quick brought it up, run wg-quick down ${name}`;
}

async function hasEnded(target: ProcessIdentity, patience: number): Promise<boolean> {
  for (let waited = 0; isAlive(target); waited += POLL_MS) {
    if (waited >= patience) return false;
    await sleep(POLL_MS);
  }
  return true;
}
