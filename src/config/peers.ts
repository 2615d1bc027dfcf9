import { formatPrefix, networkId } from '../../protocol/ip.js';
import type { Findings } from './findings.js';
import { encodeKey } from './key.js';
import type { PeerConfig } from './model.js';
import type { PeerSection, PlacedNetwork } from './peer-section.js';

interface MergedPeer {
  readonly publicKey: Uint8Array;
  section: PeerSection;
  readonly networks: Map<string, PlacedNetwork>;
}

/**
 * Merges all sections with the same PublicKey into one peer, and gives each network to one peer only.
 * The sections take effect one after another, as when wg(8) passes them to an interface: a later
 * section for the same peer replaces its AllowedIPs and keeps the keys it does not mention, and a
 * network moves to the last peer that names it.
 */
export function mergePeers(
  sections: readonly PeerSection[],
  findings: Findings,
): readonly PeerConfig[] {
  const peers = new Map<string, MergedPeer>();
  const owners = new Map<string, MergedPeer>();
  for (const section of sections) {
    if (!section.publicKey) continue;
    const peer = mergeSection(peers, section, section.publicKey, findings);
    for (const placed of section.networks) claim(peer, placed, owners, findings);
  }
  return Array.from(peers.values(), ({ section, publicKey, networks }) =>
    section.toConfig(
      publicKey,
      Array.from(networks.values(), ({ network }) => network),
    ),
  );
}

function mergeSection(
  peers: Map<string, MergedPeer>,
  section: PeerSection,
  publicKey: Uint8Array,
  findings: Findings,
): MergedPeer {
  const id = encodeKey(publicKey);
  const known = peers.get(id);
  if (!known) {
    const peer = { publicKey, section, networks: new Map<string, PlacedNetwork>() };
    peers.set(id, peer);
    return peer;
  }
  const earlier = known.section.place.line;
  const replaced = known.networks.size > 0 ? `, and its AllowedIPs replace the earlier ones` : '';
  findings.warning(section.place, `this is the same peer as on line ${earlier}${replaced}`);
  section.inherit(known.section);
  known.section = section;
  known.networks.clear();
  return known;
}

function claim(
  peer: MergedPeer,
  placed: PlacedNetwork,
  owners: Map<string, MergedPeer>,
  findings: Findings,
): void {
  const id = networkId(placed.network);
  const owner = owners.get(id);
  const earlier = owner?.networks.get(id);
  if (owner && earlier && owner !== peer) {
    findings.warning(
      placed.place,
      `${formatPrefix(placed.network)} is taken from the peer that has it on line ${earlier.place.line}`,
      'AllowedIPs',
    );
    owner.networks.delete(id);
  }
  owners.set(id, peer);
  if (!peer.networks.has(id)) peer.networks.set(id, placed);
}
