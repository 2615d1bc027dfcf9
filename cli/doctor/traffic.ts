/** Checks what passes through a tunnel that has completed a handshake. */
import type { BeyondFacts, MtuFacts, TrafficFacts } from './facts.js';
import { type Finding, named, type Outcome, ok, problem, skipped, warning } from './finding.js';

export function checkTraffic(facts: TrafficFacts): Finding[] {
  return [
    ...named('traffic', 'ping', checkPing(facts)),
    ...(facts.mtu ? named('traffic', 'MTU', checkMtu(facts.mtu)) : []),
    ...named('traffic', 'beyond the peer', ...checkBeyond(facts)),
    ...named('traffic', 'name servers', ...checkDns(facts)),
  ];
}

export function checkPing({ answering, asked, beyond }: TrafficFacts): Outcome {
  if (answering !== undefined) return ok(`${answering} answers through the tunnel`);
  const others = beyond.find(({ answers }) => answers);
  if (others) return ok(`${others.address} answers through the tunnel`);
  if (asked.length === 0) return skipped('AllowedIPs suggest no address to ping');
  return warning(
    `the handshake works, but none of ${asked.join(', ')} answers a ping`,
    'do AllowedIPs on the other side contain our Address? Does its firewall accept ICMP?',
  );
}

export function checkMtu(mtu: MtuFacts): Outcome {
  const { current } = mtu;
  if (mtu.state === 'blocked')
    return problem(
      `small packets pass, but not ${mtu.lowest} bytes: larger ones are lost on the path`,
      'the path to the endpoint carries smaller packets than IPv6 in the tunnel needs: try another network',
    );
  if (mtu.mtu >= current) return ok(`${current} bytes pass`);
  return problem(
    `packets of more than ${mtu.mtu} bytes are lost on the path, and the MTU is ${current}: large transfers hang`,
    `MTU = ${mtu.mtu} in [Interface], or MTU = probe to determine it each time`,
  );
}

/** Addresses that are known to exist count; without any, those that are likely to. */
export function checkBeyond({ answering, beyond }: TrafficFacts): Outcome[] {
  const named = beyond.filter(({ isNamed }) => isNamed);
  const asked = named.length > 0 ? named : beyond;
  const silent = asked.find(({ answers }) => !answers);
  const reached = asked.find(({ answers }) => answers);
  if (reached && (!silent || named.length === 0)) return [ok(`${reached.address} answers`)];
  // If even the peer is silent, nothing is known about what is behind it.
  if (!silent || answering === undefined) return [];
  return [diagnoseBeyond(silent, answering)];
}

const FORWARD = 'sysctl -w net.ipv4.ip_forward=1 (IPv6: net.ipv6.conf.all.forwarding=1)';
const MASQUERADE = 'masquerade: nft add rule ip nat postrouting masquerade';

function diagnoseBeyond({ address, isNamed, isForwarded }: BeyondFacts, peer: string): Outcome {
  if (!isNamed)
    return warning(
      `${address} behind ${peer} does not answer${isForwarded ? '' : ', nor does the peer forward packets'}; perhaps it does not exist`,
      'name an address that should answer: --reach ADDRESS',
    );
  if (isForwarded)
    return problem(
      `${address} does not answer, although ${peer} forwards packets: there is no route back from it`,
      `on the other side ${MASQUERADE}, or give the network behind it a route to our Address`,
    );
  return problem(
    `${peer} answers, but nothing behind it does (${address}): the other side does not forward packets`,
    `on the other side: ${FORWARD}, and ${MASQUERADE}`,
  );
}

export function checkDns({ dns, answering }: TrafficFacts): Outcome[] {
  return dns.map(({ server, answers }) =>
    answers
      ? ok(`${server} answers`)
      : problem(
          `the name server ${server} does not answer through the tunnel`,
          answering === undefined
            ? 'is DNS in the file right, and does the other side allow UDP port 53?'
            : `the tunnel itself works: is DNS in the file right, and does ${server} serve our Address?`,
        ),
  );
}
