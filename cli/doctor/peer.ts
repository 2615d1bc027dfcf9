/** Whether peers answer, and why not. */
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

/** A public key as it is told apart by people. */
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
      return ok('its last handshake is not long ago');
    case 'rejected':
      return problem(
        'it answers, but its answer cannot be opened with our keys: PresharedKey is another one there',
        'write the same PresharedKey on both sides, or none on both',
      );
    case 'unsent':
      return skipped('no handshake was sent, so that nothing can be told');
    case 'silence':
      return endpoint === undefined || isExplained(endpoint, tunnel.name)
        ? skipped('no answer, for the reason above')
        : diagnoseSilence(ours, publicKey, endpoint);
    default:
      if (endpoint && isExplained(endpoint, tunnel.name))
        return skipped('not asked, for the reason above');
      return endpoint === undefined
        ? warning(
            'it has no Endpoint and has not come to us yet',
            'begin on the other side, or write its Endpoint here',
          )
        : skipped('no handshake was tried');
  }
}

/** `checkEndpoint` has told the reason. */
export function isExplained(
  { address, route, udpError }: EndpointFacts,
  tunnelName: string,
): boolean {
  return address === undefined || route?.interfaceName === tunnelName || udpError !== undefined;
}

/**
 * A peer that does not know us is as silent as one that is not reached (section 5.1 of the WireGuard
 * paper), so that both are named; what else the host answers tells which is likelier.
 */
function diagnoseSilence(ours: string, publicKey: string, endpoint: EndpointFacts): Outcome {
  const { host, port, answersPing } = endpoint;
  if (answersPing === true)
    return problem(
      `no answer to handshakes, although ${host} answers a ping and does not refuse UDP port ${port}: it does not know our public key ${ours}, or something on the way drops UDP`,
      `on the other side compare wg show: is there a peer ${ours}, is its own key ${publicKey}, and does its firewall let UDP ${port} in?`,
    );
  return problem(
    `no answer to handshakes, nor to a ping, from ${host}: UDP port ${port} is blocked on the way, or the host is down`,
    `try another network, such as a phone's; on the other side let UDP ${port} in; if that is all right, compare our public key there: ${ours}`,
  );
}
