import { canonicalAddress } from '../../protocol/ip.js';

/** Returns the addresses that hosts(5) gives a name, in order. */
export function addressesInHosts(text: string, host: string): string[] {
  const wanted = withoutFinalDot(host);
  const found = new Set<string>();
  for (const line of text.split('\n')) {
    const [address = '', ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (!names.some((name) => withoutFinalDot(name) === wanted)) continue;
    const canonical = canonicalAddress(address);
    if (canonical !== undefined) found.add(canonical);
  }
  return [...found];
}

function withoutFinalDot(name: string): string {
  return name.toLowerCase().replace(/\.$/, '');
}
