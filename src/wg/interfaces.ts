import { type Dir, opendirSync } from 'node:fs';
import path from 'node:path';
import { getSystemErrorMap } from 'node:util';
import { checkInterfaceName } from '../config/file.js';
import { type ErrorCode, WgTsError } from '../errors.js';
import { StateFolder } from '../runtime/state.js';
import type { UapiChange } from '../uapi/change.js';
import { changeUapi, listUapi, queryUapi, uapiSocket } from '../uapi/client.js';
import { type UapiDevice, UapiError } from '../uapi/codec.js';
import { whyUnreachable } from '../uapi/server.js';

/** The names of all interfaces that answer, in the order of wg(8). */
export async function listInterfaces(): Promise<string[]> {
  const names = possibleInterfaces();
  const reasons = await Promise.all(names.map((name) => whyUnreachable(uapiSocket(name))));
  return names.filter((_, i) => reasons[i] === undefined);
}

/** Also such that nobody serves any more. */
export function possibleInterfaces(): string[] {
  // Pipes cannot be listed on every Windows; ours are known.
  if (process.platform === 'win32')
    return [...new Set([...listUapi(), ...new StateFolder().names()])].sort();
  const present = new Set(listUapi());
  return inFolderOrder(path.dirname(uapiSocket('any'))).filter((name) => present.has(name));
}

/** wg(8) does not sort what the system lists, and readdirSync does. */
function inFolderOrder(folder: string): string[] {
  let opened: Dir | undefined;
  try {
    opened = opendirSync(folder);
    const names: string[] = [];
    for (let entry = opened.readSync(); entry; entry = opened.readSync())
      names.push(path.basename(entry.name, '.sock'));
    return names;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  } finally {
    opened?.closeSync();
  }
}

/** The caller zeroes the secrets of the result. Throws WgTsError and UapiError. */
export async function readInterface(name: string): Promise<UapiDevice> {
  checkInterfaceName(name);
  const device = await queryUapi(uapiSocket(name));
  if (device) return device;
  throw noSuchDevice('access', name);
}

/** Throws WgTsError and UapiError. */
export async function changeInterface(name: string, change: UapiChange): Promise<void> {
  checkInterfaceName(name);
  try {
    if (await changeUapi(uapiSocket(name), change)) return;
  } catch (error) {
    throw error instanceof UapiError && error.errno ? refused(name, error.errno, error) : error;
  }
  throw noSuchDevice('modify', name);
}

function noSuchDevice(verb: 'access' | 'modify', name: string): WgTsError {
  const owner = process.platform === 'win32' ? 'driver' : 'kernel';
  return new WgTsError('ERR_NOT_UP', `Unable to ${verb} interface ${name}: No such device`, {
    hint: `wg-ts show interfaces lists what is up; an interface of the ${owner}'s own is for wg(8)`,
  });
}

const REFUSALS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  EADDRINUSE: ['ERR_PORT_IN_USE', 'choose another listen port, or 0 to have one chosen'],
  EOPNOTSUPP: ['ERR_UNSUPPORTED', 'this program cannot be changed while it runs'],
  EINVAL: [
    'ERR_USAGE',
    'the program that serves it does not know this change: an older one takes no network away by -',
  ],
};

/** `errno` as the interface tells it, of either sign. */
function refused(name: string, errno: number, cause: UapiError): WgTsError {
  const [symbol = '', text = `error ${errno}`] = getSystemErrorMap().get(-Math.abs(errno)) ?? [];
  const [code, hint] = REFUSALS[symbol] ?? ['ERR_USAGE', `wg-ts logs ${name} may tell more`];
  const words = text.charAt(0).toUpperCase() + text.slice(1);
  return new WgTsError(code, `Unable to modify interface ${name}: ${words}`, { hint, cause });
}
