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

/** Resolves to the names of all interfaces that answer, in the order of wg(8). */
export async function listInterfaces(): Promise<string[]> {
  const names = possibleInterfaces();
  const reasons = await Promise.all(names.map((name) => whyUnreachable(uapiSocket(name))));
  return names.filter((_, i) => reasons[i] === undefined);
}

/** Includes interfaces whose socket no program serves any more. */
export function possibleInterfaces(): string[] {
  // Not every Windows can list pipes; those of wg-ts are known from its state.
  if (process.platform === 'win32')
    return [...new Set([...listUapi(), ...new StateFolder().names()])].sort();
  const present = new Set(listUapi());
  return inFolderOrder(path.dirname(uapiSocket('any'))).filter((name) => present.has(name));
}

/** wg(8) keeps the order of the system, while readdirSync sorts. */
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

/** The caller has to zero the secrets of the result. Throws WgTsError and UapiError. */
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
    hint: `wg-ts show interfaces lists what is up; use wg(8) for the ${owner}'s own`,
  });
}

interface Refusal {
  readonly text: string;
  readonly code: ErrorCode;
  readonly hint: string;
}

/** By errno of Linux, which servers on other systems use too. */
const REFUSALS: Readonly<Record<number, Refusal>> = {
  1: {
    text: 'Operation not permitted',
    code: 'ERR_UNSUPPORTED',
    hint: 'a firewall mark needs root on Linux',
  },
  22: {
    text: 'Invalid argument',
    code: 'ERR_USAGE',
    hint: 'the program that serves it does not support this change: older ones cannot remove a network with -',
  },
  95: {
    text: 'Operation not supported',
    code: 'ERR_UNSUPPORTED',
    hint: 'the program that serves it does not support changes at run time',
  },
  98: {
    text: 'Address already in use',
    code: 'ERR_PORT_IN_USE',
    hint: 'choose another listen port, or 0 for any free one',
  },
};

/** `errno` as the interface reports it, of either sign. */
function refused(name: string, errno: number, cause: UapiError): WgTsError {
  const number = Math.abs(errno);
  const [, words = `error ${number}`] = getSystemErrorMap().get(-number) ?? [];
  const { text, code, hint } = REFUSALS[number] ?? {
    text: words.charAt(0).toUpperCase() + words.slice(1),
    code: 'ERR_USAGE',
    hint: `wg-ts logs ${name} may say more`,
  };
  return new WgTsError(code, `Unable to modify interface ${name}: ${text}`, { hint, cause });
}
