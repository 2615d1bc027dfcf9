/** Checks whether peers answer, and if not, why. */
import type { EndpointFacts, HandshakeFacts, TunnelFacts } from './facts.js';
import { type Finding, named, type Outcome, ok, problem, skipped, warning } from './finding.js';

export function checkPeers(
  tunnel: TunnelFacts,
  endpoints: readonly EndpointFacts[],
  handshakes: readonly HandshakeFacts[],
): Finding[] {
  return tunnel.configuration.peers.flatMap((peer) => {
    const handshake = handshakes.find(({ publicKey }) => publicKey === peer.publicKey);
    const endpoint = endpoints.find(({ publicKey }) => publicKey === peer.publicKey);
    const outcome = diagnoseHandshake(tunnel, peer.publicKey, handshake, endpoint);
    return named('peer', `peer ${short(peer.publicKey)}`, outcome);
  });
}

/** Returns enough of a public key to distinguish peers. */
export function short(publicKey: string): string {
  return `${publicKey.slice(0, 8)}…`;
}

export function diagnoseHandshake(
  tunnel: TunnelFacts,
  publicKey: string,
  handshake: HandshakeFacts | undefined,
  endpoint: EndpointFacts | undefined,
): Outcome {
  const ours = tunnel.running?.publicKey ?? tunnel.configuration.publicKey;
  switch (handshake?.state) {
    case 'completed':
      return ok('it answered a handshake just now');
    case 'recent':
      return ok('its last handshake was recent');
    case 'rejected':
      return problem(
        'it answers, but its answer cannot be decrypted with our keys: its PresharedKey differs',
        'use the same PresharedKey on both sides, or none on either',
      );
    case 'unsent':
      return skipped('no handshake was sent, so nothing is known');
    case 'silence':
      return endpoint === undefined || isExplained(endpoint, tunnel.name)
        ? skipped('no answer, for the reason above')
        : diagnoseSilence(ours, publicKey, endpoint);
    default:
      if (endpoint && isExplained(endpoint, tunnel.name))
        return skipped('not tried, for the reason above');
      return endpoint === undefined
        ? warning(
            'it has no Endpoint and has not contacted us yet',
            'initiate from the other side, or set its Endpoint here',
          )
        : skipped('no handshake was tried');
  }
}

/** True if `checkEndpoint` has reported the reason. */
export function isExplained(
  { address, route, udpError }: EndpointFacts,
  tunnelName: string,
): boolean {
  return address === undefined || route?.interfaceName === tunnelName || udpError !== undefined;
}

/**
 * A peer that does not know us is as silent as one that is not reached (section 5.1 of the WireGuard
 * paper), so both causes are named. Whether the host answers a ping shows which is likelier.
 */
function diagnoseSilence(ours: string, publicKey: string, endpoint: EndpointFacts): Outcome {
  const { host, port, answersPing } = endpoint;
  if (answersPing === true)
    return problem(
      `no answer to handshakes, although ${host} answers a ping and does not refuse UDP port ${port}: it does not know our public key ${ours}, or something on the path drops UDP`,
      `on the other side check wg show: is there a peer ${ours}, is its own key ${publicKey}, and does its firewall accept UDP port ${port}?`,
    );
  return problem(
    `no answer to handshakes, nor to a ping, from ${host}: UDP port ${port} is blocked on the path, or the host is down`,
    `try another network, such as a phone's; on the other side accept UDP port ${port}; if that is not the cause, check our public key there: ${ours}`,
  );
}
