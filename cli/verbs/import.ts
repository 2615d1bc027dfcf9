import { type FileHandle, open } from 'node:fs/promises';
import path from 'node:path';
import { Command } from 'commander';
import { configFolder } from '../../src/config/file.js';
import { WgTsError } from '../../system/errors.js';
import { note, print } from '../output.js';
import type { Candidate } from '../share/candidates.js';
import type { Destination } from '../share/import.js';
import { requireRoot } from '../target.js';

/** Enough for an image; a zip of configurations is far smaller. */
const MAX_FILE_BYTES = 32 * 1024 * 1024;
const STDIN = '-';

interface ImportOptions {
  readonly name?: string;
  readonly to?: string;
  readonly force?: boolean;
}

export const importCommand: Command = new Command('import')
  .summary('import a .conf or a QR code image')
  .description(
    'Checks configurations and stores them where up finds them by NAME. If one file has an error, none is imported.',
  )
  .argument(
    '<FILE...>',
    'a .conf, a .zip of .conf files, or a QR code as PNG or JPEG; - reads a .conf from stdin',
  )
  .option('-n, --name <NAME>', 'the name of the tunnel (default: the name of the file)')
  .option('-t, --to <FOLDER>', 'import into this folder instead of /etc/wireguard')
  .option('--force', 'replace existing configurations')
  .addHelpText(
    'after',
    `
The text is kept unchanged, readable by root only (mode 0600). On Windows it is stored encrypted, as by
service install. A zip has only .conf files in it, as exported by WireGuard's own programs.

Examples:
  sudo wg-ts import office.conf
  sudo wg-ts import wireguard-export.zip
  sudo wg-ts import --name phone qrcode.png`,
  )
  .action(async (files: string[], options: ImportOptions) => {
    if (options.to === undefined) requireRoot('import', `import ${files.join(' ')}`);
    const { importConfigs } = await import('../share/import.js');
    const candidates = renamed(await readAll(files), options.name);
    const { imported, warnings } = await importConfigs(candidates, await destination(options), {
      ...(options.force !== undefined && { force: options.force }),
    });
    for (const warning of warnings) note(`warning: ${warning}`);
    for (const { origin, file } of imported) print(`imported ${origin} as ${file}\n`);
    const [first] = imported;
    if (first) note(`hint: ${upCommand(first, options)}`);
  });

function upCommand({ name, file }: { name: string; file: string }, { to }: ImportOptions): string {
  const sudo = process.platform === 'win32' ? '' : 'sudo ';
  return `${sudo}wg-ts up ${to === undefined ? name : file}`;
}

async function destination({ to }: ImportOptions): Promise<Destination> {
  const { FolderDestination } = await import('../share/import.js');
  if (to !== undefined) return new FolderDestination(path.resolve(to));
  if (process.platform !== 'win32') return new FolderDestination(configFolder());
  const { ConfigStore } = await import('../service/windows/store.js');
  const store = new ConfigStore();
  return {
    fileOf: (name) => store.fileOf(name),
    has: (name) => store.has(name),
    async write(name, text) {
      store.write(name, new TextEncoder().encode(text));
    },
    remove: (name) => store.remove(name),
  };
}

async function readAll(files: readonly string[]): Promise<Candidate[]> {
  const { candidatesOf } = await import('../share/candidates.js');
  const candidates: Candidate[] = [];
  for (const file of files)
    candidates.push(...candidatesOf(file === STDIN ? 'stdin' : file, await readBytes(file)));
  if (files.includes(STDIN) && files.length > 1)
    throw new WgTsError('ERR_USAGE', 'stdin and files cannot be imported at once');
  return candidates;
}

function renamed(candidates: readonly Candidate[], name: string | undefined): Candidate[] {
  const [first, ...others] = candidates;
  if (name === undefined) {
    if (first?.origin === 'stdin')
      throw new WgTsError('ERR_USAGE', 'a configuration on stdin has no name', {
        hint: 'wg-ts import --name office -',
      });
    return [...candidates];
  }
  if (!first || others.length > 0)
    throw new WgTsError(
      'ERR_USAGE',
      `--name is for one configuration, but there are ${candidates.length}`,
      {
        hint: 'import them without it: each is named after its file',
      },
    );
  return [{ ...first, name }];
}

/** Does not trust the size that the system reports: a pipe has none. */
async function readBytes(file: string): Promise<Uint8Array> {
  let handle: FileHandle | undefined;
  try {
    handle = file === STDIN ? undefined : await open(file, 'r');
    const chunks: Buffer[] = [];
    let length = 0;
    const source = handle ? handle.createReadStream({ autoClose: false }) : process.stdin;
    for await (const chunk of source as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length > MAX_FILE_BYTES)
        throw new WgTsError('ERR_FILE', `${file} is larger than 32 MiB`, {
          hint: 'a .conf, a .zip of .conf files, or a QR code image can be imported',
        });
    }
    return joinAndZero(chunks);
  } catch (error) {
    if (error instanceof WgTsError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    const what = code === 'ENOENT' ? 'does not exist' : `cannot be read (${code})`;
    throw new WgTsError('ERR_FILE', `${file} ${what}`, {
      hint: 'check the name: import takes files',
      cause: error,
    });
  } finally {
    await handle?.close();
  }
}

function joinAndZero(chunks: readonly Buffer[]): Uint8Array {
  const bytes = new Uint8Array(chunks.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, at);
    at += chunk.length;
    chunk.fill(0);
  }
  return bytes;
}
