/** Before Windows 10 version 1809, whose iphlpapi.dll has no SetInterfaceDnsSettings. */
import { beforeEach, describe, expect, it } from 'vitest';
import { describeNetwork } from '../../../network/windows/describe.js';
import { windowsNetConfig } from '../../../network/windows/netconfig.js';
import { runProgram } from '../../../network/windows/programs.js';
import type { Command } from '../../../system/commands.js';
import { applyAll, settings, setUpMachine, TUNNEL, undoAll } from './machine.js';
import { NetworkDouble } from './network-double.js';

const network = new NetworkDouble('iphlpapi-double-1803');
const commands: string[] = [];
const run = async ({ argv }: Command): Promise<void> => void commands.push(argv.join(' '));
const NETSH = 'C:\\windows\\system32\\netsh.exe interface';

beforeEach(() => {
  setUpMachine(network);
  commands.length = 0;
});

/** Without the case of the folder, which is as Windows has it. */
const lower = (texts: readonly string[]): string[] =>
  texts.map((text) => text.replace(/^\S+/, (program) => program.toLowerCase()));

describe('DNS servers by netsh', () => {
  it('are set one after the other, and taken away again', async () => {
    const config = windowsNetConfig({ run });
    const dnsServers = ['10.0.0.1', 'fd00::1', '10.0.0.3'];
    const { steps, warnings } = await applyAll(config, { ...settings, dnsServers });
    expect(warnings).toEqual([
      'search domains need Windows 10 version 1809 or later: corp.example is left out',
    ]);
    const rest = 'validate=no';
    const netsh = NETSH.toLowerCase().replace(' interface', '');
    expect(lower(commands)).toEqual([
      `${netsh} interface ipv4 set dnsservers name=20 source=static address=10.0.0.1 ${rest} register=both`,
      `${netsh} interface ipv4 add dnsservers name=20 address=10.0.0.3 ${rest}`,
      `${netsh} interface ipv6 set dnsservers name=20 source=static address=fd00::1 ${rest} register=both`,
    ]);
    commands.length = 0;
    expect(await undoAll(config, steps)).toEqual([]);
    expect(lower(commands)).toEqual([
      `${netsh} interface ipv6 set dnsservers name=20 source=static address=none ${rest} register=both`,
      `${netsh} interface ipv4 set dnsservers name=20 source=static address=none ${rest} register=both`,
    ]);
    expect(describeNetwork(TUNNEL)).toContain('DNS is set by netsh');
  });

  it('need no undo when the interface is gone', async () => {
    const config = windowsNetConfig({ run });
    const { steps } = await applyAll(config, settings);
    commands.length = 0;
    network.removeInterface(TUNNEL);
    expect(await undoAll(config, steps)).toEqual([]);
    expect(commands).toEqual([]);
  });

  it('may have been missing before, which makes netsh complain', async () => {
    const complaining = async ({ argv }: Command): Promise<void> => {
      if (argv.includes('address=none')) throw new Error('there are none');
      if (argv.includes('address=10.0.0.9')) throw new Error('not this one');
    };
    const config = windowsNetConfig({ run: complaining });
    const { steps } = await applyAll(config, { ...settings, dnsServers: [] });
    expect(await undoAll(config, steps)).toEqual([]);
    const wanted = { ...settings, dnsServers: ['10.0.0.9'] };
    await expect(applyAll(config, wanted)).rejects.toThrow('not this one');
  });

  it('fail with what the program said', async () => {
    const argv = [
      process.execPath,
      '-e',
      'console.log("\\r\\nNo such interface.");process.exit(1)',
    ];
    await expect(runProgram({ argv })).rejects.toMatchObject({
      code: 'ERR_NETCONFIG',
      message: expect.stringMatching(/: No such interface\.$/),
    });
    const silent = [process.execPath, '-e', 'process.exit(3)'];
    await expect(runProgram({ argv: silent })).rejects.toThrow(/failed with status 3$/);
    await runProgram({ argv: [process.execPath, '-e', ''] });
  });
});
