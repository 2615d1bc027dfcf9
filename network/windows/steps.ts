/** Applies and reverts the changes of `plan.ts` through Windows. */
import type { Command } from '../../system/commands.js';
import { messageOf } from '../../system/errors.js';
import { isCallError, isGone } from '../../system/windows/callerror.js';
import { Win32Error } from '../../system/windows/win32.js';
import { NetConfigError } from '../errors.js';
import { familyOf } from '../family.js';
import type { InterfaceSettings, NetStep } from '../netconfig.js';
import { resetDnsCommand, setDns } from './dns.js';
import type { KillSwitch } from './firewall.js';
import type { IpHelper } from './iphelper.js';
import { type Change, changeText } from './plan.js';
import type { ProgramRunner } from './programs.js';

/** Command that removes the host routes to these hosts, in this process or a later one. */
export const DELETE_HOST_ROUTES = 'wg-ts:delete-host-routes';

export interface StepContext {
  readonly helper: IpHelper;
  readonly run: ProgramRunner;
  readonly settings: InterfaceSettings;
  readonly luid: bigint;
  readonly guid: Uint8Array;
  readonly killSwitch: KillSwitch;
}

export function executable(change: Change, context: StepContext): NetStep {
  const describe = changeText(context.settings.name, change);
  const { apply, revert, undo = [] } = actionsOf(change, context);
  return {
    describe,
    undo,
    async apply() {
      try {
        await apply();
      } catch (error) {
        throw failure(describe, change, error);
      }
    },
    ...(revert && { revert }),
  };
}

function failure(describe: string, change: Change, error: unknown): Error {
  if (error instanceof NetConfigError) return error;
  const inUse =
    change.kind === 'address' && isCallError(error, Win32Error.ERROR_OBJECT_ALREADY_EXISTS);
  const reason = messageOf(error);
  const code = inUse ? 'ERR_ADDRESS_IN_USE' : 'ERR_NETCONFIG';
  return new NetConfigError(code, describe, reason, { cause: error });
}

interface Actions {
  apply(): Promise<void> | void;
  readonly revert?: () => void;
  readonly undo?: readonly Command[];
}

/**
 * Addresses and routes would vanish with the interface, but Windows has problems with the removal of an
 * interface that has active routes: so they are removed before.
 */
function actionsOf(change: Change, context: StepContext): Actions {
  const { helper, run, luid, guid, killSwitch } = context;
  switch (change.kind) {
    case 'deleteAddress':
      return { apply: () => unlessGone(() => helper.deleteAddress(change.row)) };
    case 'deleteRoute':
      return { apply: () => unlessGone(() => helper.deleteRoute(change.route)) };
    case 'interface':
      return { apply: () => helper.changeIpInterface(luid, change.family, change.change) };
    case 'address':
      return {
        apply: () => helper.createAddress(change.row),
        revert: () => unlessGone(() => helper.deleteAddress(change.row)),
      };
    case 'dns':
      return {
        apply: () => setDns(helper, run, guid, change.family, change.dns),
        undo: [resetDnsCommand(guid, change.family)],
      };
    case 'killSwitch':
      return { apply: () => killSwitch.open(), revert: () => killSwitch.close() };
    case 'hostRoutes':
      return { apply: () => undefined, undo: [{ argv: [DELETE_HOST_ROUTES, ...change.hosts] }] };
    case 'route':
      return {
        apply: () => {
          try {
            helper.createRoute(change.route);
          } catch (error) {
            // The route of the interface's own address, which Windows has added.
            if (!isCallError(error, Win32Error.ERROR_OBJECT_ALREADY_EXISTS)) throw error;
          }
        },
        revert: () => unlessGone(() => helper.deleteRoute(change.route)),
      };
  }
}

export function unlessGone(action: () => void): void {
  try {
    action();
  } catch (error) {
    if (!isGone(error)) throw error;
  }
}

/** Runs a DELETE_HOST_ROUTES command. */
export function deleteHostRoutes(helper: IpHelper, hosts: readonly string[]): void {
  for (const route of helper.routes()) {
    const bits = familyOf(route.destination) === 4 ? 32 : 128;
    if (route.isManual && route.length === bits && hosts.includes(route.destination))
      unlessGone(() => helper.deleteRoute(route));
  }
}
