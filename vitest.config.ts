import type { TestProjectInlineConfiguration, ViteUserConfig } from 'vitest/config';

/** Of test/system: what knows no data plane, and what is only for the native one. */
const WITHOUT_PLANE: readonly string[] = ['lab', 'offload', 'relay', 'tun'];
const NATIVE_ONLY: readonly string[] = ['ecn', 'offloads', 'pathmtu', 'source', 'stalled'];
/** What brings tunnels up but is the same for either plane, so that once is enough. */
const EITHER_PLANE: readonly string[] = [
  'crash',
  'dnsleak',
  'dnsrestore',
  'doctor',
  'examples',
  'excluded',
  'failures',
  'fallback',
  'foreground',
  'keepalive',
  'killswitch',
  'liveroutes',
  'logs',
  'metrics',
  'mtuprobe',
  'netchange',
  'recovery',
  'reresolve',
  'restart',
  'saveconfig',
  'service',
  'show',
  'twotunnels',
  'watch',
  'wire',
  'wgquick',
  'wgverbs',
];

const systemFile = (name: string): string => `test/system/${name}.test.ts`;

/** One after the other: they share the machine's processors and /var/run. */
const ALONE = { fileParallelism: false, hookTimeout: 240_000 } as const;

/** What does not depend on the data plane is left out; each tunnel brought up has `plane`. */
function systemWith(
  plane: 'native' | 'portable',
  exclude: readonly string[],
): TestProjectInlineConfiguration {
  return {
    test: {
      name: `system-${plane}`,
      include: [systemFile('**/*')],
      exclude: exclude.map(systemFile),
      env: { WG_TS_DATAPLANE: plane },
      testTimeout: 240_000,
      ...ALONE,
    },
  };
}

const config: ViteUserConfig = {
  test: {
    // Vitest would leave one of two processors alone; most of the tests wait for something.
    maxWorkers: '100%',
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['system', 'long', 'windows', 'wine', 'install'].map(
            (name) => `test/${name}/**`,
          ),
          globalSetup: 'test/cli/readable.ts',
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'system',
          include: WITHOUT_PLANE.map(systemFile),
          testTimeout: 240_000,
          ...ALONE,
        },
      },
      systemWith('portable', [...WITHOUT_PLANE, ...NATIVE_ONLY, ...EITHER_PLANE]),
      systemWith('native', WITHOUT_PLANE),
      {
        test: {
          name: 'wine',
          include: ['test/wine/*.test.ts'],
          ...ALONE,
        },
      },
      {
        test: {
          name: 'install',
          include: ['test/install/*.test.ts'],
          globalSetup: 'test/install/setup.ts',
          testTimeout: 90_000,
          ...ALONE,
        },
      },
      {
        test: {
          name: 'long',
          include: ['test/long/**/*.test.ts'],
          testTimeout: 400_000,
          ...ALONE,
        },
      },
    ],
  },
};

export default config;
