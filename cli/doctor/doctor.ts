/** Finds out why a tunnel does not work. Changes nothing on the machine. */

import { encodeKey } from '../../src/config/key.js';
import type { Config } from '../../src/config/model.js';
import { queryJson, realSystem } from '../../system/commands.js';
import { checkConfiguration } from './configuration.js';
import type { EndpointFacts, HandshakeFacts, MachineFacts } from './facts.js';
import { type Finding, named, warning } from './finding.js';
import { gatherMachine } from './gather-machine.js';
import { gatherEndpoints } from './gather-network.js';
import { gatherTraffic, watchHandshakes } from './gather-traffic.js';
import { probeHandshake } from './handshakeprobe.js';
import { checkMachine } from './machine.js';
import { checkNetwork } from './network.js';
import { checkPeers, isExplained } from './peer.js';
import { lookAtRunning, openSubject, type Subject, type SubjectName } from './subject.js';
import { checkTraffic } from './traffic.js';

export type { SubjectName } from './subject.js';

export interface DoctorOptions {
  /** Whether anything is sent to the peers. */
  readonly probe: boolean;
  /** Addresses behind the peers that are known to exist. */
  readonly reach: readonly string[];
  readonly signal?: AbortSignal;
  /** Called with each block of the report as soon as it is complete. */
  readonly onBlock?: (title: string, findings: readonly Finding[]) => void;
}

/** Throws WgTsError when a tunnel that the user named does not exist at all. */
export async function examine(
  names: readonly SubjectName[],
  options: DoctorOptions,
): Promise<Finding[]> {
  const machine = await gatherMachine();
  const subjects: (Subject | { readonly name: string; readonly findings: Finding[] })[] = [];
  try {
    for (const name of names) {
      const opened = await openSubject(name, machine.interfaces);
      subjects.push(Array.isArray(opened) ? { name: name.name, findings: opened } : opened);
    }
    const witnesses = subjects.flatMap((one) => ('facts' in one ? one.witnesses : []));
    const asked = names.filter(({ isNamed }) => isNamed).map(({ name }) => name);
    const findings = checkMachine(machine, { witnesses, asked });
    options.onBlock?.('machine', findings);
    for (const subject of subjects) findings.push(...(await examineOne(subject, machine, options)));
    return findings;
  } finally {
    for (const subject of subjects) if ('facts' in subject) subject.discard();
  }
}

async function examineOne(
  subject: Subject | { readonly name: string; readonly findings: Finding[] },
  machine: MachineFacts,
  options: DoctorOptions,
): Promise<Finding[]> {
  const isSubject = 'facts' in subject;
  const name = isSubject ? subject.facts.name : subject.name;
  const found = isSubject ? await examineSubject(subject, machine, options) : subject.findings;
  const findings = found.map((finding) => ({ ...finding, tunnel: name }));
  options.onBlock?.(isSubject ? subject.title : `tunnel ${name}`, findings);
  return findings;
}

async function examineSubject(
  subject: Subject,
  machine: MachineFacts,
  options: DoctorOptions,
): Promise<Finding[]> {
  const { facts } = subject;
  if (facts.running && isElsewhere(facts.name, machine))
    return [...named('machine', 'network namespace', ELSEWHERE)];
  const { probe: sends, signal } = options;
  const fwMark = facts.running?.fwMark ?? 0;
  const common = { ...(signal && { signal }) };
  const endpoints = await gatherEndpoints(subject.endpoints, { fwMark, sends, ...common });
  const handshakes = sends ? await shakeHands(subject, endpoints, options) : [];
  const network = checkNetwork(facts, endpoints, machine);
  const isTalking = handshakes.some(({ state }) => state === 'completed' || state === 'recent');
  return [
    ...checkConfiguration(facts, machine),
    ...(isTalking ? network.map(withoutAlarm) : network),
    ...checkPeers(facts, endpoints, handshakes),
    ...(isTalking && facts.running ? await examineTraffic(subject, options) : []),
  ];
}

const ELSEWHERE = warning(
  'the tunnel runs in another network namespace, and cannot be examined from here',
  'run it there: ip netns exec NAMESPACE wg-ts doctor, or in its container',
);

/** True for a socket without an interface: sockets are files, which network namespaces share. */
function isElsewhere(name: string, { interfaces }: MachineFacts): boolean {
  return interfaces.length > 0 && !interfaces.some((one) => one.name === name);
}

/** Since the peer answers, a suspected firewall or a failed endpoint is not the problem it seemed to be. */
function withoutAlarm(finding: Finding): Finding {
  const isMild = finding.state !== 'problem' || finding.name === 'reverse path';
  return isMild ? finding : { ...finding, state: 'warning' };
}

async function shakeHands(
  { facts, config }: Subject,
  endpoints: readonly EndpointFacts[],
  { signal }: DoctorOptions,
): Promise<HandshakeFacts[]> {
  const common = { ...(signal && { signal }) };
  const reachable = endpoints.filter((endpoint) => !isExplained(endpoint, facts.name));
  if (!facts.running) return config ? await probeAll(config, reachable, common) : [];
  const hopes = new Set(reachable.map(({ publicKey }) => publicKey));
  const hopeless = new Set(
    endpoints.map(({ publicKey }) => publicKey).filter((key) => !hopes.has(key)),
  );
  const look = () => lookAtRunning(facts.name);
  return await watchHandshakes(facts, look, { ...common, hopeless });
}

async function probeAll(
  { interface: { privateKey }, peers }: Config,
  endpoints: readonly EndpointFacts[],
  common: { readonly signal?: AbortSignal },
): Promise<HandshakeFacts[]> {
  const probes = peers.map(async ({ publicKey, presharedKey }) => {
    const key = encodeKey(publicKey);
    const reachable = endpoints.find((one) => one.publicKey === key);
    if (reachable?.address === undefined) return [];
    const state = await probeHandshake({
      privateKey,
      peerPublicKey: publicKey,
      ...(presharedKey && { presharedKey }),
      endpoint: { address: reachable.address, port: reachable.port },
      ...common,
    });
    return [{ publicKey: key, state }];
  });
  return (await Promise.all(probes)).flat();
}

async function examineTraffic(
  { facts }: Subject,
  { reach, signal }: DoctorOptions,
): Promise<Finding[]> {
  const mtu = await mtuOf(facts.name);
  const options = { reach, ...(signal && { signal }) };
  return checkTraffic(await gatherTraffic(facts, mtu, options));
}

async function mtuOf(name: string): Promise<number | undefined> {
  const argv = ['ip', '-json', 'link', 'show', 'dev', name];
  const [row] = await queryJson<{ readonly mtu?: number }>(realSystem.run, argv);
  return row?.mtu;
}
