/** Guesses from the rules of this machine's firewall what they do to the tunnel's UDP packets. */
import type { EndpointFacts, TunnelFacts } from './facts.js';
import { type Outcome, problem, warning } from './finding.js';

interface Chain {
  readonly hook: 'input' | 'output';
  readonly dropsByDefault: boolean;
  readonly rules: readonly string[];
}

/** `rules`: the output of `nft list ruleset` or `iptables -S`. */
export function firewallOutcomes(
  { configuration, running }: TunnelFacts,
  endpoints: readonly EndpointFacts[],
  rules: string,
): Outcome[] {
  const ownPort = running?.listenPort ?? configuration.listenPort;
  const ports = endpoints.map(({ port }) => port);
  return chainsOf(rules).flatMap((chain) => {
    const isOut = chain.hook === 'output';
    const blocking = chain.rules.find((rule) =>
      isOut
        ? ports.some((port) => blocks(rule, 'dport', port)) || blocks(rule, 'sport', ownPort)
        : ports.some((port) => blocks(rule, 'sport', port)) || blocks(rule, 'dport', ownPort),
    );
    if (blocking !== undefined)
      return [
        problem(
          `the firewall of this machine drops the tunnel's packets: ${blocking.trim()}`,
          'remove this rule, or add one before it that accepts them',
        ),
      ];
    if (!chain.dropsByDefault || chain.rules.some((rule) => letsPass(rule, isOut, ports, ownPort)))
      return [];
    return [
      warning(
        `the firewall drops ${isOut ? 'outgoing' : 'incoming'} packets by default, and no rule seems to accept those of the tunnel`,
        isOut
          ? `accept UDP to port ${ports.join(', ') || ownPort} in the output chain`
          : 'accept replies: ct state established,related accept',
      ),
    ];
  });
}

function blocks(rule: string, direction: 'dport' | 'sport', port: number): boolean {
  return port !== 0 && /\b(drop|reject)\b/i.test(rule) && names(rule, direction, port);
}

function names(rule: string, direction: 'dport' | 'sport', port: number): boolean {
  const match = new RegExp(`udp.*${direction}s? (\\{[^}]*\\}|\\S+)`).exec(rule);
  return match?.[1] !== undefined && new RegExp(`\\b${port}\\b`).test(match[1]);
}

function letsPass(rule: string, isOut: boolean, ports: readonly number[], own: number): boolean {
  if (!/accept/i.test(rule)) return false;
  if (/established/i.test(rule)) return true;
  const isAny = /^\s*(counter.*)?accept\s*$|^-A \S+ -j ACCEPT$/.test(rule);
  const [there, here] = isOut ? (['dport', 'sport'] as const) : (['sport', 'dport'] as const);
  return isAny || ports.some((port) => names(rule, there, port)) || names(rule, here, own);
}

function chainsOf(rules: string): Chain[] {
  return [...nftChains(rules), ...iptablesChains(rules)];
}

function nftChains(rules: string): Chain[] {
  return [...rules.matchAll(/^\s*chain \S+ \{\n([\s\S]*?)^\s*\}/gm)].flatMap(([, body = '']) => {
    const head = /type filter hook (input|output) priority [^;]+;(?: policy (\w+);)?/.exec(body);
    if (head === null) return [];
    const hook = head[1] === 'input' ? 'input' : 'output';
    const lines = body.split('\n').filter((line) => !line.includes('type filter hook'));
    return [{ hook, dropsByDefault: head[2] === 'drop', rules: lines }];
  });
}

function iptablesChains(rules: string): Chain[] {
  const lines = rules.split('\n');
  return (['INPUT', 'OUTPUT'] as const)
    .filter((name) => lines.some((line) => line.startsWith(`-P ${name} `)))
    .map((name) => ({
      hook: name === 'INPUT' ? 'input' : 'output',
      dropsByDefault: lines.includes(`-P ${name} DROP`),
      rules: lines
        .filter((line) => line.startsWith(`-A ${name} `))
        .map((line) => line.replace(/--(dport|sport)/g, '$1')),
    }));
}
