/** The verbs of wg-ts service with systemd. */
import { realpathSync } from 'node:fs';
import { WgTsError } from '../../system/errors.js';
import { note, print } from '../output.js';
import { changeableByOthers } from '../service/systemd/machine.js';
import { SystemdServices } from '../service/systemd/services.js';
import type { SystemdProgram } from '../service/systemd/unit.js';
import type { ServiceManager } from './servicemanager.js';

const services = new SystemdServices();

export const systemdServices: ServiceManager = {
  async install({ name, file }, { start, ...settings }) {
    const program = runningProgram();
    // Ctrl-C also ends systemctl; its failure then undoes what was done.
    process.on('SIGINT', () => undefined);
    const { config, isCopied, wasRunning } = await services.install({
      ...settings,
      name,
      file,
      program,
      start,
      onWaiting: (status) => note(`wg-ts@${name}.service is coming up: ${status}`),
      onError: (message) => note(`warning: ${message}`),
    });
    note(`installed wg-ts@${name}.service, which reads ${config}`);
    if (isCopied) note(`hint: ${file} still holds the private key; it is no longer needed`);
    if (wasRunning)
      note(`hint: it was already running; systemctl restart wg-ts@${name} applies the changes`);
  },
  async uninstall(name) {
    await services.uninstall(name);
    note(`hint: its configuration stays in /etc/wireguard/${name}.conf`);
  },
  start: (name) => services.start(name),
  stop: (name) => services.stop(name),
  list: () => services.list(),
  async status(name) {
    const { text, exitCode } = await services.status(name);
    print(text);
    return exitCode;
  },
};

/** The program as it runs now. Throws WgTsError if its files will not be there at boot. */
function runningProgram(): SystemdProgram {
  const program = { node: process.execPath, main: realpathSync(process.argv[1] ?? '') };
  for (const file of Object.values(program)) {
    if (/^\/(var\/)?tmp\//.test(file))
      throw new WgTsError(
        'ERR_UNSUPPORTED',
        `a service cannot run ${file}: temporary files do not last`,
        {
          hint: 'install wg-ts first: sudo npm install --global .',
        },
      );
    const part = changeableByOthers(file);
    if (part !== undefined)
      note(`warning: root is going to run ${file}, but users other than root can change ${part}`);
  }
  return program;
}
