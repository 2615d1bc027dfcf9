import { describe, expect, it } from 'vitest';
import { planValidMark, readValidMark, withValidMark } from '../../../network/linux/validmark.js';

const CONF = '/proc/sys/net/ipv4/conf';
const FILE = `${CONF}/all/src_valid_mark`;
const SETTING = 'net.ipv4.conf.all.src_valid_mark=1';

function machine(files: Readonly<Record<string, string>>, refused?: string) {
  const written: string[] = [];
  return {
    written,
    read: async (path: string) => files[path],
    write: async (path: string, text: string) => {
      written.push(`${path} ${text}`);
      return refused;
    },
  };
}

const off = (filters: Readonly<Record<string, string>>) => ({
  [FILE]: '0\n',
  ...Object.fromEntries(
    Object.entries(filters).map(([name, value]) => [`${CONF}/${name}/rp_filter`, `${value}\n`]),
  ),
});

describe('the setting for marked packets', () => {
  it('is left alone where it is on', async () => {
    const system = machine({ [FILE]: '1\n' });
    const found = await readValidMark(system, ['eth0']);
    expect(planValidMark(found)).toEqual({ steps: [], warnings: [] });
    expect(system.written).toEqual([]);
  });

  it('is set by this program where it is off, after the value that was there could be written', async () => {
    const system = machine(off({}));
    const { steps, warnings } = planValidMark(await readValidMark(system, ['eth0']));
    expect(warnings).toEqual([]);
    expect(steps.map(({ command }) => command.argv.join(' '))).toEqual([`sysctl -q ${SETTING}`]);
    const run = withValidMark(async () => ({ status: 9, stdout: '', stderr: '' }), system.write);
    for (const { command } of steps) expect(await run(command)).toMatchObject({ status: 0 });
    expect(await run({ argv: ['ip', 'link'] })).toMatchObject({ status: 9 });
    expect(system.written).toEqual([`${FILE} 0`, `${FILE} 1`]);
  });

  it.each([
    ['nowhere', { all: '0', eth0: '0' }],
    ['only on loopback', { all: '0', lo: '1' }],
    ['loosely', { all: '2', eth0: '1' }],
  ])(
    'is missed in a warning where it cannot be set and sources are checked %s',
    async (_, filters) => {
      const found = await readValidMark(machine(off(filters), 'EROFS'), ['lo', 'eth0']);
      expect(planValidMark(found)).toEqual({
        steps: [],
        warnings: [expect.stringContaining(`${SETTING} cannot be set (EROFS)`)],
      });
    },
  );

  it.each([{ all: '1' }, { all: '0', eth0: '1' }])(
    'is needed with %j, and the error says how to set it',
    async (filters) => {
      const found = await readValidMark(machine(off(filters), 'EROFS'), ['lo', 'eth0']);
      const refusal = (() => {
        try {
          return planValidMark(found);
        } catch (error) {
          return error;
        }
      })();
      expect(refusal).toMatchObject({
        code: 'ERR_NETCONFIG',
        message: expect.stringMatching(/EROFS, and eth0 would drop/),
        hint: expect.stringContaining(`docker run --sysctl ${SETTING}`),
      });
    },
  );
});
