import { describe, expect, it } from 'vitest';
import type { EndpointFacts } from '../../cli/doctor/facts.js';
import { firewallOutcomes } from '../../cli/doctor/firewall.js';
import {
  checkEndpoint,
  checkKeepalive,
  checkOtherVpn,
  checkReversePath,
} from '../../cli/doctor/network.js';
import { diagnoseHandshake } from '../../cli/doctor/peer.js';
import {
  endpointWith,
  machineWith,
  OURS,
  peerWith,
  runningWith,
  THEIRS,
  told,
  tunnelWith,
} from './facts.js';

const FULL = { peers: [peerWith({ allowedIps: ['0.0.0.0/0'] })] };

describe('an endpoint', () => {
  it.each<[string, Partial<EndpointFacts>, RegExp]>([
    ['that answers', {}, /^ok: 203\.0\.113\.5:51820, via eth0, answers a ping$/],
    ['with a name', { host: 'vpn.example' }, /^ok: vpn\.example:51820 is 203\.0\.113\.5/],
    ['that is refused', { udpError: 'ECONNREFUSED' }, /^problem: nothing listens on 203/],
    ['without a way', { udpError: 'ENETUNREACH' }, /^problem: there is no route to/],
    ['behind our own firewall', { udpError: 'EPERM' }, /^problem: .*own firewall forbids/],
    ['in the tunnel', { route: { interfaceName: 'office' } }, /^problem: .*into the tunnel itself/],
  ])('%s', (_, change, expected) => {
    expect(told([checkEndpoint(endpointWith(change), 'office')])[0]).toMatch(expected);
  });

  it('that has no address', () => {
    const { address, ...rest } = endpointWith({
      host: 'nowhere.invalid',
      resolveError: 'no such name',
    });
    expect(address).toBeDefined();
    expect(told([checkEndpoint(rest, 'office')])[0]).toMatch(
      /^problem: the name nowhere\.invalid cannot be resolved \(no such name\)/,
    );
  });
});

describe('silence of a peer', () => {
  const diagnose = (change: Partial<EndpointFacts>) =>
    diagnoseHandshake(
      tunnelWith(),
      THEIRS,
      { publicKey: THEIRS, state: 'silence' },
      endpointWith(change),
    );

  it('of a host that is reachable names both causes, and both keys to compare', () => {
    const { state, detail, hint } = diagnose({ answersPing: true });
    expect(state).toBe('problem');
    expect(detail).toContain(`does not know our public key ${OURS}`);
    expect(hint).toContain(THEIRS);
  });

  it('of a host that is silent too means blocked UDP first', () => {
    expect(diagnose({ answersPing: false }).detail).toContain(
      'UDP port 51820 is blocked on the path',
    );
  });

  it('is not a second problem where the endpoint is one', () => {
    expect(diagnose({ udpError: 'ECONNREFUSED' }).state).toBe('skipped');
  });

  it.each([
    ['completed', 'ok'],
    ['recent', 'ok'],
    ['rejected', 'problem'],
    ['unsent', 'skipped'],
  ] as const)('%s is %s', (state, expected) => {
    const outcome = diagnoseHandshake(
      tunnelWith(),
      THEIRS,
      { publicKey: THEIRS, state },
      endpointWith(),
    );
    expect(outcome.state).toBe(expected);
  });

  it('of a peer without an endpoint is for the other side to end', () => {
    expect(diagnoseHandshake(tunnelWith(), THEIRS, undefined, undefined).state).toBe('warning');
  });
});

describe('other VPNs', () => {
  const vpn = {
    interfaces: [{ name: 'tun0', kind: 'tun', addresses: [] }],
    routes: [{ destination: '0.0.0.0/1', interfaceName: 'tun0', isOnLink: true }],
  };

  it('with the default route are reported', () => {
    expect(told(checkOtherVpn(tunnelWith(FULL), machineWith(vpn)))[0]).toMatch(
      /^warning: tun0 of another VPN also has the default route/,
    );
    expect(checkOtherVpn(tunnelWith(), machineWith(vpn))[0]?.detail).toContain('may go through it');
  });

  it('include neither this tunnel nor an ordinary default route', () => {
    expect(checkOtherVpn({ ...tunnelWith(FULL), name: 'tun0' }, machineWith(vpn))).toEqual([]);
    expect(checkOtherVpn(tunnelWith(FULL), machineWith())).toEqual([]);
  });
});

describe('the reverse path', () => {
  const strict = { 'net.ipv4.conf.all.rp_filter': 1 };

  it.each([
    ['strict', strict, 1],
    ['strict with valid marks', { ...strict, 'net.ipv4.conf.all.src_valid_mark': 1 }, 0],
    ['loose', { ...strict, 'net.ipv4.conf.eth0.rp_filter': 2 }, 0],
  ])('%s', (_, sysctls, problems) => {
    const tunnel = tunnelWith(FULL, runningWith(OURS, 51820));
    expect(checkReversePath(tunnel, [endpointWith()], machineWith({ sysctls }))).toHaveLength(
      problems,
    );
  });
});

describe('keepalive', () => {
  it.each([
    ['off behind NAT', 0, '203.0.113.5', 0],
    ['on behind NAT', 25, '9.9.9.9', 0],
    ['off behind NAT, towards the internet', 0, '9.9.9.9', 1],
    ['off within one network', 0, '192.168.1.9', 0],
  ])('%s', (_, persistentKeepalive, address, warnings) => {
    const tunnel = tunnelWith({ peers: [peerWith({ persistentKeepalive })] });
    expect(checkKeepalive(tunnel, [endpointWith({ address })])).toHaveLength(warnings);
  });
});

describe('the firewall', () => {
  const chain = (head: string, ...rules: string[]): string =>
    `table inet f {\n\tchain c {\n\t\ttype filter hook ${head};\n${rules.map((rule) => `\t\t${rule}\n`).join('')}\t}\n}\n`;
  const judge = (rules: string): string[] =>
    told(firewallOutcomes(tunnelWith({ listenPort: 4000 }), [endpointWith()], rules));

  it.each([
    [chain('output priority filter; policy accept', 'udp dport 51820 drop')],
    [chain('input priority filter; policy accept', 'udp dport { 53, 4000 } reject')],
    ['-P INPUT ACCEPT\n-A INPUT -p udp -m udp --sport 51820 -j DROP\n'],
  ])('is the problem when a rule drops the tunnel: %s', (rules) => {
    expect(judge(rules)[0]).toMatch(/^problem: the firewall of this machine drops/);
  });

  it.each([
    [chain('input priority filter; policy drop', 'iif "lo" accept')],
    ['-P INPUT ACCEPT\n-P OUTPUT DROP\n-A OUTPUT -o lo -j ACCEPT\n'],
  ])('may be the problem when it drops by default: %s', (rules) => {
    expect(judge(rules)[0]).toMatch(
      /^warning: the firewall drops (incoming|outgoing) packets by default/,
    );
  });

  it.each([
    [''],
    [chain('input priority filter; policy drop', 'ct state established,related accept')],
    [chain('output priority filter; policy drop', 'udp dport 51820 accept')],
    [chain('input priority filter; policy accept', 'udp dport 5182 drop', 'tcp dport 51820 drop')],
    [chain('forward priority filter; policy drop')],
  ])('is not the problem when it drops something else: %s', (rules) => {
    expect(judge(rules)).toEqual([]);
  });
});
