/**
 * The device of a tunnel, with its interface, sockets and peers, but without the network of the
 * machine.
 */
import { fastestProviders } from '../../native/providers.js';
import type { InterfaceSettings, NetConfig, NetWatch } from '../../network/netconfig.js';
import type { Endpoint } from '../../protocol/dataplane.js';
import { Device } from '../../protocol/device.js';
import type { Clock } from '../../system/clock.js';
import type { Config, PeerConfig } from '../config/model.js';
import { LiveConfiguration, type LiveParts } from '../control/configuration.js';
import { Driver } from '../control/driver.js';
import { firstAddress } from '../control/endpoints/candidates.js';
import { type Connector, keepConnected } from '../control/endpoints/connector.js';
import type { ReachablePeer } from '../control/endpoints/peerlink.js';
import { handshakeLog } from '../control/handshakelog.js';
import { SessionWatch } from '../control/sessions.js';
import type { PlaneChoice } from '../dataplane/choice.js';
import { openPlane, openPlaneTun } from '../dataplane/open.js';
import type { Logger } from '../logger.js';
import type { UndoStack } from '../undo.js';
import { peerChangeOf } from './configchange.js';
import { interfaceSettings, networkIdentity } from './network.js';
import type { TunnelOptions } from './options.js';
import type { ProgramOptions } from './programoptions.js';
import { checkedRandom } from './random.js';

export interface TunnelDevice {
  readonly parts: LiveParts;
  readonly live: LiveConfiguration;
  readonly sessions: SessionWatch;
  readonly connector: Connector;
  /** The system's settings for the interface. */
  readonly settings: InterfaceSettings;
  /** Passes later changes of endpoints and the port to `watch`. */
  watch(watch: NetWatch | undefined): void;
}

export interface TunnelDeviceContext {
  readonly undo: UndoStack;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly choice: PlaneChoice;
  /** Undefined for a tunnel that does not use the network of the machine. */
  readonly system: NetConfig | undefined;
  readonly fwMark: number;
  /** Peers with their resolved endpoints. */
  readonly found: ReadonlyMap<PeerConfig, ReachablePeer>;
  readonly openTun: ProgramOptions['openTun'];
  readonly onTunError: (error: Error) => void;
}

/** Packets move when it resolves. Throws TunError and UdpError. */
export async function openTunnelDevice(
  config: Config,
  options: TunnelOptions,
  context: TunnelDeviceContext,
): Promise<TunnelDevice> {
  const { name } = options;
  const { undo, logger, clock, choice, system, fwMark, found, openTun, onTunError } = context;
  const random = checkedRandom(options.random, onTunError);
  const own = options.tun ?? openTun?.(name);
  const crypto = fastestProviders();
  const identity = networkIdentity(name, config, crypto);
  const tun = await openPlaneTun(choice, { name, identity, own, onTunError, logger });
  undo.push(`the interface ${name}`, () => tun.close());
  const addresses = [...found.values()].flatMap((peer) => firstAddress(peer) ?? []);
  const settings = await interfaceSettings(config, { name, fwMark }, addresses, system);
  const { mtu } = settings;
  const { listenPort: wantedPort, privateKey } = config.interface;
  const plane = await openPlane({
    choice,
    tun,
    udp: {
      ...options.udp,
      ...(wantedPort !== undefined && { port: wantedPort }),
      ...(fwMark !== 0 && { mark: fwMark }),
      onDebug: (note) => logger.debug(note),
    },
    transport: options.transport,
    signal: options.signal,
    mtu,
    crypto,
    clock,
    logger,
    onTunError,
  });
  undo.push('the data plane', () => plane.close());
  const listenPort = plane.port;
  const device = new Device({ privateKey }, { random, wallNanos: () => clock.wallNanos(), crypto });
  let watch: NetWatch | undefined;
  const tellWatch = (): void => watch?.setEndpoints(endpointsOf(device));
  const driver = new Driver(device, plane, clock, tellWatch);
  undo.push('the device', () => driver.close());
  driver.observe(handshakeLog(device, logger));
  const sessions = new SessionWatch({ device, driver, clock });
  undo.push('the watch on the sessions', () => sessions.close());
  plane.start();
  const parts = { device, plane, driver, listenPort, mtu, fwMark };
  const connector = connectPeers(config, options, context, { parts, tellWatch });
  let isChanged = false;
  const tellAll = (): void => {
    isChanged = true;
    watch?.setListenPort(parts.listenPort);
    tellWatch();
  };
  return {
    parts,
    sessions,
    connector,
    live: new LiveConfiguration(parts, {
      wantedPort: wantedPort ?? 0,
      routingMark: config.interface.fwMark === undefined ? fwMark : 0,
      onChanged: tellAll,
    }),
    settings: {
      ...settings,
      ...(tun.luid !== undefined && { luid: tun.luid }),
      listenPort,
      bindsSockets: plane.bindInterface !== undefined,
    },
    watch(next) {
      watch = next;
      // The change came while the network was being configured.
      if (isChanged) tellAll();
    },
  };
}

function connectPeers(
  config: Config,
  { name, tun, followNetwork = tun === undefined, resolver }: TunnelOptions,
  { undo, logger, clock, found }: TunnelDeviceContext,
  { parts, tellWatch }: { readonly parts: LiveParts; readonly tellWatch: () => void },
): Connector {
  const { device, driver } = parts;
  for (const peer of config.peers) driver.configure(peerChangeOf(peer, found.get(peer)));
  const connector = keepConnected({
    device,
    driver,
    clock,
    logger,
    peers: found.values(),
    reresolveInterval: config.interface.reresolveInterval ?? 0,
    onMoved: tellWatch,
    ...(resolver && { resolver }),
    ...(followNetwork && { followNetworkBeside: name, mark: () => parts.fwMark }),
  });
  undo.push('the watch on the peers', () => connector.close());
  return connector;
}

export function endpointsOf(device: Device): Endpoint[] {
  return device.peers().flatMap(({ endpoint }) => (endpoint ? [endpoint] : []));
}
