import { describe, expect, it } from 'vitest';
import {
  canNameUnit,
  instanceDropIn,
  nameOfUnit,
  quoteArgument,
  templateUnit,
  unitOf,
} from '../../cli/service/systemd/unit.js';

const program = { node: '/usr/bin/node', main: '/usr/lib/wg-ts/main.js' };

/** Values of a key, each line of it. */
const valuesOf = (unit: string, key: string): string[] =>
  unit
    .split('\n')
    .filter((line) => line.startsWith(`${key}=`))
    .map((line) => line.slice(key.length + 1));

it('names are those of wg-quick as far as units have them', () => {
  expect(nameOfUnit(unitOf('my-vpn'))).toBe('my-vpn');
  expect(nameOfUnit('ssh.service')).toBeUndefined();
  expect(['office', 'my-vpn', 'a_b.c', 'a=b', 'a+b'].filter(canNameUnit)).toEqual([
    'office',
    'my-vpn',
    'a_b.c',
  ]);
});

it.each([
  ['/usr/bin/node', '/usr/bin/node'],
  ['/opt/my node/bin', '"/opt/my node/bin"'],
  ['/opt/100%/$HOME', '/opt/100%%/$$HOME'],
  ['/a"b\\c', '"/a\\"b\\\\c"'],
])('%s is written as %s', (text, quoted) => {
  expect(quoteArgument(text)).toBe(quoted);
});

describe('the unit', () => {
  it('gives one capability, one device and no way to more', () => {
    const unit = templateUnit(program);
    expect(valuesOf(unit, 'CapabilityBoundingSet')).toEqual(['CAP_NET_ADMIN']);
    expect(valuesOf(unit, 'DeviceAllow')).toEqual(['/dev/net/tun rw']);
    expect(valuesOf(unit, 'DevicePolicy')).toEqual(['closed']);
    expect(valuesOf(unit, 'NoNewPrivileges')).toEqual(['yes']);
    expect(valuesOf(unit, 'ProtectSystem')).toEqual(['strict']);
  });

  it('does not start again what cannot work', () => {
    const unit = templateUnit(program);
    expect(valuesOf(unit, 'Restart')).toEqual(['on-failure']);
    expect(valuesOf(unit, 'RestartPreventExitStatus')).toEqual(['2 3']);
  });

  it('hides the homes unless the program is in one', () => {
    const inHome = { ...program, node: '/home/ann/.nvm/node' };
    expect(valuesOf(templateUnit(program), 'ProtectHome')).toEqual(['yes']);
    expect(valuesOf(templateUnit(inHome), 'ProtectHome')).toEqual(['read-only']);
  });
});

it('lets /etc/resolv.conf be replaced where that is the way, and nowhere else', () => {
  const without = valuesOf(templateUnit(program), 'ReadWritePaths').join(' ').split(' ');
  expect(without).not.toContain('/etc');
  const withIt = valuesOf(templateUnit(program, { replacesResolvConf: true }), 'ReadWritePaths');
  expect(withIt.join(' ').split(' ')).toContain('/etc');
});

it('the drop-in of an instance says only what was chosen', () => {
  expect(instanceDropIn({})).toBeUndefined();
  expect(instanceDropIn({ workers: 2 })).toBe('[Service]\nEnvironment=WG_TS_WORKERS=2\n');
});
