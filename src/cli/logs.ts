import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { Command } from 'commander';
import { WgTsError } from '../errors.js';
import { controlPipe, requestLog } from '../runtime/control.js';
import { isAlive } from '../runtime/process.js';
import { readRingLog } from '../runtime/ringlog.js';
import { StateFolder } from '../runtime/state.js';
import { print } from './output.js';
import { requireRoot, resolveTarget } from './target.js';

const POLL_MS = 250;

export const logsCommand: Command = new Command('logs')
  .summary('show the log of a tunnel')
  .description(
    'Shows what a tunnel in the background, or a service, has logged; also why it has ended by itself.',
  )
  .argument('<FILE|NAME>', 'as given to up; the file need not be there any more')
  .option('-f, --follow', 'stay, and show what is logged from now on, until the tunnel ends')
  .addHelpText(
    'after',
    `
A log is up to 1 MiB. On Linux it is /run/wg-ts/NAME.log, which goes with the tunnel; on Windows
%ProgramData%\\wg-ts\\log\\NAME.log, a ring that keeps the newest.

Examples:
  sudo wg-ts logs office
  sudo wg-ts logs --follow office`,
  )
  .action(async (fileOrName: string, { follow = false }: { follow?: boolean }) => {
    const { name } = resolveTarget(fileOrName);
    requireRoot('logs', `logs ${fileOrName}`);
    if (process.platform === 'win32') await showByPipe(name, follow);
    else await showFile(name, follow);
  });

async function showByPipe(name: string, follow: boolean): Promise<void> {
  const folder = new StateFolder();
  if (await askForLog(name, follow)) return;
  const file = folder.logFile(name);
  if (!existsSync(file)) throw noLog(name);
  print(readRingLog(file));
}

async function askForLog(name: string, follow: boolean): Promise<boolean> {
  try {
    return await requestLog(controlPipe(name), { follow }, print);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new WgTsError('ERR_NOT_UP', `${name} shows no log: ${reason}`, { cause: error });
  }
}

async function showFile(name: string, follow: boolean): Promise<void> {
  const folder = new StateFolder();
  const file = folder.logFile(name);
  if (!existsSync(file)) throw noLog(name);
  if (!follow) {
    print(readFileSync(file, 'utf8'));
    return;
  }
  const isRunning = (): boolean => {
    const state = folder.read(name);
    return state !== undefined && isAlive(state);
  };
  await followFile(file, isRunning, print);
}

/** What the file holds, and what is added to it as long as `isRunning`. */
export async function followFile(
  file: string,
  isRunning: () => boolean,
  onText: (text: string) => void,
): Promise<void> {
  const fd = openSync(file, 'r');
  const decoder = new TextDecoder();
  let position = 0;
  const relay = (): void => {
    const bytes = Buffer.alloc(Math.max(0, fstatSync(fd).size - position));
    readSync(fd, bytes, 0, bytes.length, position);
    position += bytes.length;
    if (bytes.length > 0) onText(decoder.decode(bytes, { stream: true }));
  };
  try {
    relay();
    while (isRunning()) {
      await sleep(POLL_MS);
      relay();
    }
    // Between the last look and its end.
    relay();
  } finally {
    closeSync(fd);
  }
}

function noLog(name: string): WgTsError {
  return new WgTsError('ERR_NOT_UP', `there is no log of ${name}`, {
    hint: 'wg-ts show lists what is up; in the foreground a tunnel logs to its terminal',
  });
}
