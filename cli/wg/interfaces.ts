import { type Dir, opendirSync } from 'node:fs';
import path from 'node:path';
import { getSystemErrorMap } from 'node:util';
import type { DeviceChange } from '../../src/uapi/change.js';
import { changeUapi, listUapi, queryUapi, uapiSocket } from '../../src/uapi/client.js';
import { type UapiDevice, UapiError } from '../../src/uapi/codec.js';
import { whyUnreachable } from '../../src/uapi/server.js';
import { type ErrorCode, WgTsError } from '../../system/errors.js';
import { checkInterfaceName } from '../../system/interfacename.js';
import { StateFolder } from '../runtime/state.js';

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
export async function changeInterface(name: string, change: DeviceChange): Promise<void> {
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

interface Refusal {
  readonly text: string;
  readonly code: ErrorCode;
  readonly hint: string;
}

/** By numbers of Linux, which other systems answer by, too. */
const REFUSALS: Readonly<Record<number, Refusal>> = {
  1: {
    text: 'Operation not permitted',
    code: 'ERR_UNSUPPORTED',
    hint: 'a firewall mark needs Linux, and root there',
  },
  22: {
    text: 'Invalid argument',
    code: 'ERR_USAGE',
    hint: 'the program that serves it does not know this change: an older one takes no network away by -',
  },
  95: {
    text: 'Operation not supported',
    code: 'ERR_UNSUPPORTED',
    hint: 'this program cannot be changed while it runs',
  },
  98: {
    text: 'Address already in use',
    code: 'ERR_PORT_IN_USE',
    hint: 'choose another listen port, or 0 to have one chosen',
  },
};

/** `errno` as the interface tells it, of either sign. */
function refused(name: string, errno: number, cause: UapiError): WgTsError {
  const number = Math.abs(errno);
  const [, words = `error ${number}`] = getSystemErrorMap().get(-number) ?? [];
  const { text, code, hint } = REFUSALS[number] ?? {
    text: words.charAt(0).toUpperCase() + words.slice(1),
    code: 'ERR_USAGE',
    hint: `wg-ts logs ${name} may tell more`,
  };
  return new WgTsError(code, `Unable to modify interface ${name}: ${text}`, { hint, cause });
}
