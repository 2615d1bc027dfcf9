/** Two ends of a session: a native plane on Wintun, and its peer by hand. */
import { onTestFinished } from 'vitest';
import type { Statistics } from '../../../native/layout.js';
import type { DataPlaneEvent } from '../../../protocol/dataplane.js';
import { systemClock } from '../../../system/clock.js';
import { LOCAL_INDEX, prefixes, REMOTE_INDEX, Remote } from '../../conformance/remote.js';
import { type Host, MTU, openHost } from './host.js';

export const OURS = '10.9.0.1';
export const THEIRS = '10.9.0.2';
export const OURS6 = 'fd09::1';
export const THEIRS6 = 'fd09::2';
const PEER = 7;

export interface Session extends Host {
  readonly remote: Remote;
  readonly events: DataPlaneEvent[];
}

/** Closed when the test is over. */
export async function openSession(options: Parameters<typeof openHost>[0] = {}): Promise<Session> {
  const host = await openHost(options);
  const events: DataPlaneEvent[] = [];
  host.plane.onEvents((batch) => events.push(...batch));
  const remote = await Remote.open({ port: host.port, mtu: MTU });
  onTestFinished(async () => {
    await host.plane.close();
    remote.close();
  });
  host.plane.apply({
    type: 'setPeer',
    peer: PEER,
    endpoint: remote.endpoint,
    allowedIps: { replace: true, add: prefixes(`${THEIRS}/32`, `${THEIRS6}/128`), remove: [] },
  });
  host.plane.apply({
    type: 'installKeypair',
    peer: PEER,
    keypair: {
      localIndex: LOCAL_INDEX,
      remoteIndex: REMOTE_INDEX,
      ...remote.install({}),
      isInitiator: true,
      createdAt: systemClock().now(),
    },
  });
  return { ...host, remote, events };
}

export function statisticsOf(session: Session): Statistics {
  const statistics = session.plane.statistics();
  if (!statistics) throw new Error('the plane is closed');
  return statistics;
}
