/** All checks of a machine, in the order in which they are run. */
import { AS_ADMINISTRATOR } from '../../system/windows/callerror.js';
import { type Check, failed, ok, reasonOf } from './check.js';
import { type Machine, systemMachine } from './machine.js';
import { INTERFACE, networkChecks, PRIVILEGE } from './network.js';
import { CRYPTOGRAPHY, KOFFI, NATIVE, programChecks } from './program.js';
import { talkChecks } from './talk.js';
import { tunnelChecks } from './tunnels.js';
import { WINTUN_DLL_CHECK, wintunDllCheck } from './windows.js';

/** A valid interface name on every system. */
export const SELFTEST_NAME = 'wg-ts-selftest';

export function allChecks(
  machine: Machine = systemMachine(),
  name: string = SELFTEST_NAME,
): readonly Check[] {
  const isWindows = machine.platform === 'win32';
  const forInterface = [KOFFI, PRIVILEGE, ...(isWindows ? [WINTUN_DLL_CHECK] : [])];
  const forTunnel = [CRYPTOGRAPHY, INTERFACE];
  return [
    ...programChecks,
    privilegeCheck(machine),
    ...(isWindows ? [wintunDllCheck(machine.wintunFolder, [KOFFI])] : []),
    ...networkChecks(machine, name, forInterface),
    ...tunnelChecks(machine, name, { portable: forTunnel, native: [...forTunnel, NATIVE] }),
    ...talkChecks(name, [PRIVILEGE]),
    nothingLeftCheck(machine, name),
  ];
}

function privilegeCheck(machine: Machine): Check {
  const isWindows = machine.platform === 'win32';
  return {
    name: PRIVILEGE,
    run: async () =>
      (await machine.isPrivileged())
        ? ok(isWindows ? 'elevated' : 'root')
        : failed(
            'this user may not create interfaces, so most checks cannot be made',
            isWindows ? AS_ADMINISTRATOR : 'sudo wg-ts selftest',
          ),
  };
}

function nothingLeftCheck(machine: Machine, name: string): Check {
  return {
    name: 'nothing is left',
    needs: [INTERFACE],
    async run({ undo }) {
      const errors: string[] = [];
      await undo.unwind((step, error) => errors.push(`cannot undo ${step}: ${reasonOf(error)}`));
      if (errors.length > 0) return failed(errors.join('; '));
      if ((await machine.look.interfaces()).includes(name))
        return failed(`the interface ${name} is still there`);
      return ok('everything was undone');
    },
  };
}
