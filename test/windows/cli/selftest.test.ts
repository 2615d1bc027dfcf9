/** The selftest as far as Wine goes: with the double of the driver, and without a network of its own. */
import { copyFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Result, runChecks } from '../../../cli/selftest/check.js';
import type { Machine } from '../../../cli/selftest/machine.js';
import { systemMachine } from '../../../cli/selftest/machine.js';
import { formatResult } from '../../../cli/selftest/report.js';
import { allChecks, SELFTEST_NAME } from '../../../cli/selftest/selftest.js';
import { koffi, replaceSystemLibrary } from '../../../system/windows/libraries.js';
import type { Tun } from '../../../tun/tun.js';
import { openWintunTun } from '../../../tun/windows/device.js';

const double = (name: string): string =>
  path.join(process.env['WG_TS_WINE_FOLDER'] ?? '', 'doubles', `${name}.dll`);
const [INDEX, METRIC, BOTH_FAMILIES] = [77, 25, 3];

const folder = mkdtempSync(path.join(tmpdir(), 'wg-ts-selftest-'));
const NETWORK = double('iphlpapi-double');
const FIREWALL = double('fwpuclnt-double');
const results = new Map<string, Result>();

interface NetworkState {
  readonly interfaces: readonly { readonly alias: string }[];
  readonly addresses: readonly { readonly address: string; readonly length: number }[];
  readonly routes: readonly { readonly destination: string; readonly length: number }[];
}

/** What a double has in it, as text. */
function stateOf(library: string): string {
  const buffer = Buffer.alloc(64 * 1024);
  const length: number = koffi()
    .load(library)
    .func('uint32_t DoubleState(void *buffer, uint32_t size)')(buffer, buffer.length);
  return buffer.toString('utf8', 0, length);
}

const network = (): NetworkState => JSON.parse(stateOf(NETWORK)) as NetworkState;
const linesOf = (rows: readonly unknown[]): string => rows.map((x) => JSON.stringify(x)).join('\n');

/** Adapters of one double are unknown to the other, so that who opens one has to tell. */
function openOnDoubles(name: string): Tun {
  const library = koffi().load(NETWORK);
  const add = library.func(
    'void DoubleAddInterface(uint64_t luid, uint32_t index, const char16_t *alias, uint32_t mtu, uint32_t metric, uint32_t families)',
  );
  const remove = library.func('void DoubleRemoveInterface(uint64_t luid)');
  const tun = openWintunTun(name, { library: double('wintun') });
  const { luid } = tun;
  add(luid, INDEX, name, 1500, METRIC, BOTH_FAMILIES);
  let isOpen = true;
  return {
    name,
    luid,
    start: tun.start.bind(tun),
    write: tun.write.bind(tun),
    close() {
      if (isOpen) remove(luid);
      isOpen = false;
      tun.close();
    },
  };
}

function machineOnDoubles(): Machine {
  return {
    ...systemMachine(),
    wintunFolder: folder,
    driver: async () => 'double',
    openTun: async (name) => openOnDoubles(name),
    look: {
      interfaces: async () => linesOf(network().interfaces),
      addresses: async () => linesOf(network().addresses),
      routes: async () =>
        network()
          .routes.map(({ destination, length }) => `${destination}/${length}`)
          .join('\n'),
      dnsServers: async () => linesOf(network().interfaces),
      filters: async () => stateOf(FIREWALL).replaceAll('{', '\n{'),
      refusalElsewhere: async () => 'nobody here refuses',
    },
  };
}

beforeAll(async () => {
  replaceSystemLibrary('iphlpapi.dll', NETWORK);
  replaceSystemLibrary('fwpuclnt.dll', FIREWALL);
  copyFileSync(process.env['WG_TS_WINE_WINTUN'] ?? '', path.join(folder, 'wintun.dll'));
  const all = await runChecks(allChecks(machineOnDoubles()), { timeoutMs: 15_000 });
  for (const result of all) {
    console.log(formatResult(result).trimEnd());
    results.set(result.name, result);
  }
}, 120_000);

describe('the selftest on Windows', () => {
  it.each([
    'Node.js',
    'cryptography',
    'calls of the system (koffi)',
    'privileges',
    'wintun.dll',
    'interface',
    'addresses, routes and MTU',
    'DNS',
    'kill switch',
    'interface removed',
    'pipe for wg',
    'encrypted by Windows (DPAPI)',
    'nothing is left',
  ])('finds in good order: %s', (name) => {
    expect(results.get(name)).toMatchObject({ name, state: 'ok' });
  });

  it('shows the release of wintun.dll, and the LUID of the interface', () => {
    expect(results.get('wintun.dll')?.detail).toContain('0.14.1 for x64');
    expect(results.get('interface')?.detail).toMatch(
      new RegExp(`^${SELFTEST_NAME}, LUID 0x[0-9a-f]+, driver double$`),
    );
  });

  it('counts the filters of the kill switch, and none afterwards', () => {
    expect(results.get('kill switch')?.detail).toMatch(/^\d\d filters while on, none after/);
    expect(stateOf(FIREWALL)).not.toContain('wg-ts: ');
  });

  it('does not pass what Wine cannot do', () => {
    for (const name of ['tunnel, portable data plane', 'tunnel, native data plane'])
      expect(results.get(name)?.state).not.toBe('ok');
  });
});
