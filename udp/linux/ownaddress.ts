import type { Endpoint } from '../../protocol/dataplane.js';

/**
 * The address of ours that the datagrams of an endpoint came to, as a struct in_pktinfo or in6_pktinfo:
 * a server with several addresses has to answer from the one that it was asked at. A copy of an endpoint
 * has none, and the system chooses.
 */
export const ownAddresses: WeakMap<Endpoint, Uint8Array> = new WeakMap();
