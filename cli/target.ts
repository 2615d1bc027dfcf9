import path from 'node:path';
import { interfaceNameOf, resolveConfigPath } from '../src/config/file.js';
import { checkInterfaceName } from '../system/interfacename.js';
import { runtimeSystem } from './runtime/system.js';
import { ConfigStore, STORED_EXTENSION } from './service/windows/store.js';

/** What FILE|NAME on a command line refers to. */
export interface Target {
  readonly file: string;
  readonly name: string;
}

/** Throws WgTsError if the name is not a valid interface name. */
export function resolveTarget(fileOrName: string): Target {
  return storedTarget(fileOrName) ?? targetOfFile(resolveConfigPath(fileOrName));
}

function targetOfFile(file: string): Target {
  if (!file.endsWith(STORED_EXTENSION)) return { file, name: interfaceNameOf(file) };
  const name = path.basename(file).slice(0, -STORED_EXTENSION.length);
  checkInterfaceName(name);
  return { file, name };
}

/** For NAME alone, when the machine stores a configuration of that name for its service. */
function storedTarget(fileOrName: string): Target | undefined {
  if (process.platform !== 'win32' || !isNameAlone(fileOrName)) return undefined;
  checkInterfaceName(fileOrName);
  const store = new ConfigStore();
  return store.has(fileOrName) ? { file: store.fileOf(fileOrName), name: fileOrName } : undefined;
}

/** True for NAME, as opposed to a path or a .conf file. */
export function isNameAlone(fileOrName: string): boolean {
  return !fileOrName.endsWith('.conf') && !/[/\\]/.test(fileOrName);
}

/** Throws WgTsError ERR_NOT_ROOT. `command` is what was typed after the program's name. */
export function requireRoot(verb: string, command: string): void {
  runtimeSystem().requirePrivilege(verb, command);
}
