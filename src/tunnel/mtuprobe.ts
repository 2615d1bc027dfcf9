/** For `MTU = probe`: sets the interface's MTU to the largest size found by probing. */
import type { InterfaceSettings, NetConfig } from '../../network/netconfig.js';
import { MIN_IPV6_MTU } from '../../protocol/constants.js';
import { messageOf } from '../../system/errors.js';
import { type ProbedTunnel, type ProbeResult, probeMtu } from '../../system/pathmtu.js';
import type { Pinger } from '../../system/ping.js';
import type { Config } from '../config/model.js';
import type { LiveParts } from '../control/configuration.js';
import type { SessionWatch } from '../control/sessions.js';
import type { Logger } from '../logger.js';
import type { UndoStack } from '../undo.js';

export interface ProbedParts {
  readonly system: NetConfig;
  readonly parts: LiveParts & { readonly sessions: Pick<SessionWatch, 'firstSession'> };
  readonly undo: UndoStack;
  readonly logger: Logger;
}

/** For `MTU = probe`, when the interface is up: runs in the background until the tunnel goes down. */
export function followProbedMtu(
  config: Config,
  settings: Pick<InterfaceSettings, 'name' | 'luid'>,
  { system, parts, undo, logger }: ProbedParts,
): void {
  const setInterfaceMtu = system.setMtu?.bind(system);
  if (!setInterfaceMtu) {
    logger.warn(`MTU = probe needs a NetConfig with setMtu: the MTU stays at ${parts.mtu}`);
    return;
  }
  const { addresses, dnsServers } = config.interface;
  const end = startMtuProbe({
    name: settings.name,
    tunnel: { addresses, dnsServers, peers: config.peers },
    logger,
    currentMtu: () => parts.mtu,
    firstSession: (signal) => parts.sessions.firstSession(signal),
    async setMtu(mtu) {
      await setInterfaceMtu(settings, mtu);
      parts.plane.setMtu(mtu);
      parts.mtu = mtu;
    },
  });
  undo.push('the probe of the MTU', end);
}

/** The tunnel whose MTU is probed. */
export interface ProbeSubject {
  readonly name: string;
  readonly tunnel: ProbedTunnel;
  readonly logger: Logger;
  currentMtu(): number;
  /** Resolves when any peer has a session; rejects with the signal's reason. */
  firstSession(signal: AbortSignal): Promise<void>;
  /** Sets the MTU of the interface and of the data plane. */
  setMtu(mtu: number): Promise<void>;
  readonly ping?: Pinger;
}

/**
 * Probes once after the first handshake, and sets the interface's MTU to the size that passes. Runs in
 * the background; the returned function ends it.
 */
export function startMtuProbe(subject: ProbeSubject): () => Promise<void> {
  const end = new AbortController();
  const done = probeInBackground(subject, end.signal).catch((error: unknown) => {
    if (end.signal.aborted) return;
    subject.logger.warn(`cannot probe the MTU: ${messageOf(error)}`);
  });
  return async () => {
    end.abort();
    await done;
  };
}

async function probeInBackground(subject: ProbeSubject, signal: AbortSignal): Promise<void> {
  const { name, tunnel, logger, ping } = subject;
  await subject.firstSession(signal);
  const currentMtu = subject.currentMtu();
  const options = { interfaceName: name, currentMtu, signal, ...(ping && { ping }) };
  const result = await probeMtu(tunnel, options);
  if (signal.aborted) return;
  const keeps = `the MTU stays at ${currentMtu}`;
  switch (result.state) {
    case 'unavailable':
      return logger.warn(
        `there is no ping that can probe the MTU (install iputils-ping): ${keeps}`,
      );
    case 'silent':
      return logger.warn(`no address in AllowedIPs answers a ping, so ${keeps}`);
    case 'blocked':
      return logger.warn(`not even ${result.lowest} bytes reach ${result.target}: ${keeps}`);
    case 'found':
      return await adopt(subject, currentMtu, result);
  }
}

async function adopt(
  { tunnel, logger, setMtu }: ProbeSubject,
  currentMtu: number,
  { mtu: measured, target }: Extract<ProbeResult, { state: 'found' }>,
): Promise<void> {
  const hasIpv6 = tunnel.addresses.some(({ address }) => address.length === 16);
  const mtu = hasIpv6 ? Math.max(measured, MIN_IPV6_MTU) : measured;
  if (mtu > measured)
    logger.warn(
      `only ${measured} bytes reach ${target}, but IPv6 in the tunnel needs an MTU of ${MIN_IPV6_MTU}`,
    );
  if (mtu >= currentMtu) return logger.info(`MTU ${currentMtu} reaches ${target}`);
  await setMtu(mtu);
  logger.info(`MTU ${mtu} from now on (was ${currentMtu}): larger packets do not reach ${target}`);
}
