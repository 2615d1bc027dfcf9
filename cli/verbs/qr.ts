import { closeSync, openSync, rmSync, writeFileSync } from 'node:fs';
import { Command } from 'commander';
import { zeroConfig } from '../../src/config/model.js';
import { WgTsError } from '../../system/errors.js';
import { loadConfig } from '../load.js';
import { note, print } from '../output.js';
import { resolveTarget } from '../target.js';

interface QrOptions {
  readonly output?: string;
  readonly force?: boolean;
}

export const qrCommand: Command = new Command('qr')
  .summary('show a configuration as a QR code for a phone')
  .description(
    'Shows a configuration, with its private key, as a QR code for the WireGuard app on a phone to scan.',
  )
  .argument('<FILE|NAME>', 'a .conf file; NAME alone means /etc/wireguard/NAME.conf')
  .option('-o, --output <FILE>', 'save the QR code as a PNG that only you can read (mode 0600)')
  .option('--force', 'show the code even if stdout is not a terminal; replace an existing PNG')
  .addHelpText(
    'after',
    `
Anyone who sees the code has the private key. Keys that the app does not know, such as PostUp, are left
out with a warning. A private key belongs to one device: give the phone a configuration of its own.

Examples:
  wg-ts qr phone.conf
  wg-ts qr --output phone.png phone.conf`,
  )
  .action(async (fileOrName: string, { output, force = false }: QrOptions) => {
    if (output === undefined && !force && process.stdout.isTTY !== true)
      throw new WgTsError('ERR_USAGE', 'stdout is not a terminal, and the code is a secret', {
        hint: 'wg-ts qr --output FILE.png writes an image; --force shows it anyway',
      });
    const { text, leftOut } = await readForPhone(fileOrName);
    if (leftOut.length > 0)
      note(`warning: left out, as the app does not support it: ${leftOut.join(', ')}`);
    if (output === undefined) await show(text);
    else await writePng(text, output, force);
  });

async function readForPhone(
  fileOrName: string,
): Promise<{ text: string; leftOut: readonly string[] }> {
  const { phoneConfig } = await import('../share/phoneconfig.js');
  const { config, warnings } = await loadConfig(resolveTarget(fileOrName).file);
  for (const warning of warnings) note(`warning: ${warning}`);
  try {
    return phoneConfig(config);
  } finally {
    zeroConfig(config);
  }
}

async function show(text: string): Promise<void> {
  const { qrForTerminal, sizeInTerminal } = await import('../share/qrcode.js');
  const { columns, rows } = process.stdout;
  const code = qrForTerminal(text, columns);
  const size = sizeInTerminal(code);
  if (process.stdout.isTTY && (size.columns > columns || size.rows >= rows))
    note(
      `warning: the code takes ${size.columns} columns and ${size.rows + 1} rows, this terminal has ${columns} and ${rows}`,
    );
  note(
    'warning: this is the private key: anyone who sees or photographs it can impersonate this device',
  );
  print(code);
}

async function writePng(text: string, file: string, force: boolean): Promise<void> {
  const { qrAsPng } = await import('../share/qrcode.js');
  const png = qrAsPng(text);
  let fd: number | undefined;
  try {
    // An existing file may be readable by others, and would stay so when it is overwritten.
    if (force) rmSync(file, { force: true });
    fd = openSync(file, 'wx', 0o600);
    writeFileSync(fd, png);
  } catch (error) {
    if (fd !== undefined) rmSync(file, { force: true });
    throw explainWriteError(error, file);
  } finally {
    png.fill(0);
    if (fd !== undefined) closeSync(fd);
  }
  note(`warning: ${file} is the private key: anyone who has it can impersonate this device`);
}

function explainWriteError(error: unknown, file: string): WgTsError {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  if (code === 'EEXIST')
    return new WgTsError('ERR_FILE', `${file} already exists`, {
      hint: '--force replaces it',
      cause: error,
    });
  return new WgTsError('ERR_FILE', `${file} cannot be written (${code})`, {
    hint: 'name another file',
    cause: error,
  });
}
