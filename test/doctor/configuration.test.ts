import { describe, expect, it } from 'vitest';
import { checkConfiguration } from '../../cli/doctor/configuration.js';
import type { MachineFacts, TunnelFacts } from '../../cli/doctor/facts.js';
import { machineWith, OURS, peerWith, runningWith, THEIRS, told, tunnelWith } from './facts.js';

function foundIn(tunnel: TunnelFacts, machine: Partial<MachineFacts> = {}): string[] {
  return told(checkConfiguration(tunnel, machineWith(machine)));
}

describe('a configuration', () => {
  it('without mistakes is one line, with its own public key to compare', () => {
    expect(foundIn(tunnelWith())).toEqual([`ok: public key ${OURS}`]);
  });

  it.each<[string, TunnelFacts, Partial<MachineFacts>, RegExp]>([
    [
      'another key in the file',
      tunnelWith({}, { filePublicKey: OURS, ...runningWith('RUNNING') }),
      {},
      /^problem: the private key in the file .* differs from that of the running tunnel \(RUNNING\)/,
    ],
    [
      'our own key as a peer',
      tunnelWith({ peers: [peerWith({ publicKey: OURS })] }),
      {},
      /^problem: our own public key is listed as a Peer/,
    ],
    [
      'a key twice',
      tunnelWith({ peers: [peerWith(), peerWith({ allowedIps: [] })] }),
      {},
      /^problem: two peers have the public key THEIR/,
    ],
    [
      'a network of two peers',
      tunnelWith({ peers: [peerWith(), peerWith({ publicKey: 'LAST' })] }),
      {},
      /^problem: 10\.0\.0\.0\/24 is in AllowedIPs of two peers: only LAST gets it/,
    ],
    [
      'the local network',
      tunnelWith({ peers: [peerWith({ allowedIps: ['192.168.1.0/24'] })] }),
      {},
      /^problem: AllowedIPs 192\.168\.1\.0\/24 is also the network of eth0/,
    ],
    [
      'a part of the local network',
      tunnelWith({ peers: [peerWith({ allowedIps: ['192.168.1.9/32'] })] }),
      {},
      /^warning: AllowedIPs 192\.168\.1\.9\/32 is part of/,
    ],
    [
      'more than the local network',
      tunnelWith({ peers: [peerWith({ allowedIps: ['192.168.0.0/16'] })] }),
      {},
      /^warning: AllowedIPs 192\.168\.0\.0\/16 contains .*stays outside/,
    ],
    [
      'the address of another interface',
      tunnelWith({ addresses: ['192.168.1.7/32'] }),
      {},
      /^problem: the address 192\.168\.1\.7 of the tunnel is also that of eth0/,
    ],
    [
      'an endpoint within AllowedIPs',
      tunnelWith({ peers: [peerWith({ allowedIps: ['203.0.0.0/8'] })] }),
      {},
      /^problem: the endpoint 203\.0\.113\.5 is within AllowedIPs 203\.0\.0\.0\/8/,
    ],
    [
      'IPv6 that is switched off',
      tunnelWith({ addresses: ['fd00::2/64'] }),
      { sysctls: { 'net.ipv6.conf.all.disable_ipv6': 1 } },
      /^problem: the file has IPv6 addresses, but IPv6 is disabled/,
    ],
    [
      'a name server past the tunnel',
      tunnelWith({ dnsServers: ['9.9.9.9'] }),
      {},
      /^warning: the name server 9\.9\.9\.9 is not in AllowedIPs/,
    ],
    [
      'a file for all to read',
      tunnelWith({}, { fileWarnings: ['a.conf is world accessible: run chmod 600 a.conf'] }),
      {},
      /^warning: a\.conf is world accessible$/,
    ],
  ])('with %s', (_, tunnel, machine, expected) => {
    const all = foundIn(tunnel, machine);
    expect(all).toHaveLength(1);
    expect(all[0]).toMatch(expected);
  });

  it.each<[string, TunnelFacts, Partial<MachineFacts>]>([
    ['all traffic', tunnelWith({ peers: [peerWith({ allowedIps: ['0.0.0.0/0', '::/0'] })] }), {}],
    [
      'routes that another program makes',
      tunnelWith({ table: 'off', peers: [peerWith({ allowedIps: ['192.168.1.0/24'] })] }),
      {},
    ],
    [
      'a network within that of another peer',
      tunnelWith({
        peers: [peerWith(), peerWith({ publicKey: 'O', allowedIps: ['10.0.0.9/32'] })],
      }),
      {},
    ],
    [
      'an endpoint that has a better route',
      tunnelWith({
        peers: [
          peerWith({ allowedIps: ['192.0.0.0/8'], endpoint: { host: '192.168.1.1', port: 1 } }),
        ],
      }),
      { routes: [{ destination: '192.168.1.0/24', interfaceName: 'eth0', isOnLink: false }] },
    ],
    [
      'its own routes, being up',
      tunnelWith({}, runningWith()),
      { routes: [{ destination: '10.0.0.0/24', interfaceName: 'office', isOnLink: true }] },
    ],
    ['IPv4 where IPv6 is off', tunnelWith(), { sysctls: { 'net.ipv6.conf.all.disable_ipv6': 1 } }],
  ])('with %s is fine', (_, tunnel, machine) => {
    expect(foundIn(tunnel, machine)).toEqual([`ok: public key ${OURS}`]);
  });

  it('never takes the peer’s key for a mistake', () => {
    expect(foundIn(tunnelWith()).join()).not.toContain(THEIRS);
  });
});
