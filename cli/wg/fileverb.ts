import type { DeviceChange } from '../../src/uapi/change.js';
import { note } from '../output.js';
import { resolutionRetries } from './retries.js';
import { readWgFile } from './verb.js';

export const FILE_USAGE = '<INTERFACE> <FILE>';

export const FILE_HELP: string = `
The file may have only keys of wg(8), as in the output of wg-ts strip; - is stdin.
`;

/** Runs setconf, addconf or syncconf. */
export async function applyFile(
  verb: 'setconf' | 'addconf' | 'syncconf',
  name: string,
  file: string,
): Promise<void> {
  const [{ parseWgFile }, { resolveChange }, { zeroChange }, { changeInterface }] =
    await Promise.all([
      import('./conffile.js'),
      import('./change.js'),
      import('../../src/uapi/set.js'),
      import('./interfaces.js'),
    ]);
  const read = parseWgFile(await readWgFile(file), { file });
  try {
    const options = { ...resolutionRetries(), onRetry: note };
    const change = await resolveChange(read, options);
    if (verb === 'addconf') await changeInterface(name, change);
    else if (verb === 'setconf') await replace(name, change);
    else await sync(name, change);
  } finally {
    zeroChange(read.change);
  }
}

/** Settings that the file does not have are reset. */
async function replace(name: string, change: DeviceChange): Promise<void> {
  const [{ Secret }, { changeInterface }] = await Promise.all([
    import('../../src/index.js'),
    import('./interfaces.js'),
  ]);
  const none = { privateKey: Secret.take(new Uint8Array(32)), listenPort: 0, fwMark: 0 };
  await changeInterface(name, { ...none, ...change, replacePeers: true });
}

async function sync(name: string, change: DeviceChange): Promise<void> {
  const [
    { isEmptyChange, syncChange },
    { parseChange },
    { changeInterface, readInterface },
    { zeroSecrets },
  ] = await Promise.all([
    import('../../src/uapi/sync.js'),
    import('../../src/uapi/change.js'),
    import('./interfaces.js'),
    import('../../src/uapi/codec.js'),
  ]);
  const running = await readInterface(name);
  try {
    const difference = syncChange(change, parseChange(running));
    if (!isEmptyChange(difference)) await changeInterface(name, difference);
  } finally {
    zeroSecrets(running);
  }
}
