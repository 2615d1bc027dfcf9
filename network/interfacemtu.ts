import { win32 } from 'node:path';
import { MIN_IPV6_MTU } from '../protocol/constants.js';
import { realSystem } from '../system/commands.js';
import { systemFolder } from '../system/windows/libraries.js';
import { runOrThrow } from './linux/commands.js';

/** Of an interface that is up, in bytes. Throws NetConfigError. */
export async function setInterfaceMtu(name: string, mtu: number): Promise<void> {
  for (const argv of process.platform === 'win32' ? netsh(name, mtu) : [linux(name, mtu)])
    await runOrThrow(realSystem.run, { argv });
}

function linux(name: string, mtu: number): string[] {
  return ['ip', 'link', 'set', 'dev', name, 'mtu', String(mtu)];
}

/** By its whole path: this runs as administrator. */
function netsh(name: string, mtu: number): string[][] {
  const program = win32.join(systemFolder(), 'netsh.exe');
  return ['ipv4', 'ipv6'].map((family) => [
    program,
    ...['interface', family, 'set', 'subinterface', `interface=${name}`],
    ...[`mtu=${family === 'ipv6' ? Math.max(mtu, MIN_IPV6_MTU) : mtu}`, 'store=active'],
  ]);
}
