import { Command } from 'commander';
import { WgTsError } from '../../system/errors.js';
import { note } from '../output.js';
import { requireRoot, resolveTarget } from '../target.js';

export const saveCommand: Command = new Command('save')
  .summary('save the state of a running tunnel to its file')
  .description(
    'Saves the current keys, port and peers of a tunnel that is up to its configuration file. Its addresses, DNS and commands are kept; comments are lost.',
  )
  .argument(
    '<FILE|NAME>',
    'as given to up; NAME alone means the file that the tunnel was brought up from',
  )
  .addHelpText(
    'after',
    `
SaveConfig = true in the file does the same whenever the tunnel goes down.

Example:
  sudo wg-ts save office`,
  )
  .action(async (fileOrName: string) => {
    const target = resolveTarget(fileOrName);
    requireRoot('save', `save ${fileOrName}`);
    const file = await fileOf(fileOrName, target);
    await saveRunning(target.name, file);
    note(`[#] ${target.name} is saved in ${file}`);
  });

async function fileOf(
  fileOrName: string,
  target: { readonly file: string; readonly name: string },
): Promise<string> {
  const [{ isNameAlone }, { StateFolder }] = await Promise.all([
    import('../target.js'),
    import('../runtime/state.js'),
  ]);
  const runningFile = isNameAlone(fileOrName)
    ? new StateFolder().read(target.name)?.configFile
    : undefined;
  const file = runningFile ?? target.file;
  if (!file.endsWith('.dpapi')) return file;
  throw new WgTsError(
    'ERR_UNSUPPORTED',
    `${file} is a stored configuration, which cannot be saved to`,
    {
      hint: `see what runs: wg-ts showconf ${target.name}`,
    },
  );
}

async function saveRunning(name: string, file: string): Promise<void> {
  const [{ queryUapi, uapiSocket }, { zeroSecrets }, { saveConfig }] = await Promise.all([
    import('../../src/uapi/client.js'),
    import('../../src/uapi/codec.js'),
    import('../daemon/saveconfig.js'),
  ]);
  const running = await queryUapi(uapiSocket(name));
  if (!running)
    throw new WgTsError('ERR_NOT_UP', `${name} is not up, so there is nothing to save`, {
      hint: `wg-ts show lists what is up; wg-ts up ${name} brings it up`,
    });
  try {
    await saveConfig(file, () => running);
  } finally {
    zeroSecrets(running);
  }
}
