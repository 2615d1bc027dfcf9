/** Configures and watches the network of the machine for a tunnel. */
import type { CryptoProviders } from '../../crypto/providers.js';
import type { InterfaceSettings, NetConfig, NetWatch } from '../../network/netconfig.js';
import type { Endpoint, RunningPlane } from '../../protocol/dataplane.js';
import { formatPrefix, type IpPrefix, maskPrefix } from '../../protocol/ip.js';
import { commandText } from '../../system/commands.js';
import { messageOf } from '../../system/errors.js';
import { excludedNetworks } from '../config/exclude.js';
import { encodeKey } from '../config/key.js';
import type { Config, PeerConfig } from '../config/model.js';
import type { Journal } from '../journal.js';
import type { Logger } from '../logger.js';
import type { UndoStack } from '../undo.js';
import { chooseMtu } from './mtu.js';

/** Stays the same for as long as the tunnel leads to the same peers. */
export function networkIdentity(name: string, config: Config, { x25519 }: CryptoProviders): string {
  const ours = x25519.publicKey(config.interface.privateKey.expose());
  const keys = [ours, ...config.peers.map(({ publicKey }) => publicKey)].map(encodeKey);
  return [name, ...keys].join('\n');
}

/** Resolves to the mark of the tunnel's own packets; 0 is none. */
export async function chooseFwMark(config: Config, system: NetConfig | undefined): Promise<number> {
  const { fwMark = 0, table, killSwitch } = config.interface;
  if (!system || fwMark !== 0) return fwMark;
  const isFullTunnel = table === 'auto' && config.peers.some((peer) => defaultsOf(peer).length > 0);
  return isFullTunnel || killSwitch ? await system.freeTable() : 0;
}

function defaultsOf({ allowedIps, writtenAllowedIps = allowedIps }: PeerConfig): IpPrefix[] {
  return writtenAllowedIps.filter(({ length }) => length === 0);
}

/** A default route with ExcludedIPs is routed as a whole, so that the endpoint stays reachable. */
function wholeRoutes(peer: PeerConfig): readonly IpPrefix[] {
  const { allowedIps, excludedIps = [] } = peer;
  if (excludedIps.length === 0) return allowedIps;
  const sameFamily = (a: IpPrefix, b: IpPrefix): boolean => a.address.length === b.address.length;
  const defaults = defaultsOf(peer).filter((all) => allowedIps.some((one) => sameFamily(all, one)));
  const others = allowedIps.filter((one) => !defaults.some((all) => sameFamily(all, one)));
  return [...defaults, ...others];
}

/** Returns all settings except those that are known once the sockets are open. */
export async function interfaceSettings(
  config: Config,
  { name, fwMark }: { readonly name: string; readonly fwMark: number },
  endpoints: readonly Endpoint[],
  system: NetConfig | undefined,
): Promise<Omit<InterfaceSettings, 'listenPort'>> {
  const { addresses, dnsServers, dnsSearch, table, killSwitch = false } = config.interface;
  const leavesOut = system?.leavesOut === true && table === 'auto';
  const routed = config.peers.flatMap((peer) => (leavesOut ? wholeRoutes(peer) : peer.allowedIps));
  const routes = new Set(routed.map((network) => formatPrefix(maskPrefix(network))));
  const mtu = await chooseMtu(config.interface, endpoints, system);
  return {
    name,
    addresses: addresses.map(formatPrefix),
    mtu,
    routes: [...routes],
    ...(leavesOut && { excluded: excludedNetworks(config) }),
    ...(killSwitch && { killSwitch }),
    table,
    fwMark,
    dnsServers,
    dnsSearch,
    endpoints,
    peerCount: config.peers.length,
  };
}

/** Undoes what a crash without a record, such as a power failure, has left of any tunnel. */
export async function undoLeftBehind(system: NetConfig, logger: Logger): Promise<void> {
  const commands = (await system.leftBehind?.()) ?? [];
  for (const command of commands) {
    logger.warn(`left behind by a tunnel that is not up any more: ${commandText(command)}`);
    await system.undo([command], (error) => logger.warn(messageOf(error)));
  }
}

export interface ApplyContext {
  readonly undo: UndoStack;
  readonly journal: Journal;
  readonly logger: Logger;
  readonly logUndoError: (step: string, error: unknown) => void;
  readonly signal?: AbortSignal;
  /** Called with each change before it is made. */
  readonly onStep?: (description: string) => void;
}

/** Applies the plan step by step; the undo of each step is recorded before the step. */
export async function applyNetwork(
  system: NetConfig,
  settings: InterfaceSettings,
  context: ApplyContext,
): Promise<void> {
  const { undo, journal, logger, logUndoError, signal, onStep } = context;
  const { steps, warnings } = await system.plan(settings);
  for (const warning of warnings) logger.warn(warning);
  for (const step of steps) {
    signal?.throwIfAborted();
    if (step.undo.length > 0) {
      journal.add(step.undo);
      undo.push(step.describe, () =>
        system.undo(step.undo, (error) => logUndoError(step.describe, error)),
      );
    }
    if (step.revert) undo.push(step.describe, step.revert);
    onStep?.(step.describe);
    await step.apply();
  }
}

/**
 * Follows changes of routes and of the MTU while the tunnel is up, so that its own packets do not enter
 * it.
 */
export function watchNetwork(
  system: NetConfig,
  settings: InterfaceSettings,
  followMtu: boolean,
  parts: { readonly plane: RunningPlane; mtu: number },
): NetWatch | undefined {
  const { plane } = parts;
  return system.watch?.(
    settings,
    { bindsSockets: plane.bindInterface !== undefined, followMtu },
    {
      onBindInterface: (family, index) => plane.bindInterface?.(family, index),
      onMtu(mtu) {
        parts.mtu = mtu;
        plane.setMtu(mtu);
      },
    },
  );
}
