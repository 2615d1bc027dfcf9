import { availableParallelism } from 'node:os';
import type { TestProjectInlineConfiguration, ViteUserConfig } from 'vitest/config';

/** The folders of test/ whose tests need a build, or start other programs. */
const PROGRAM: readonly string[] = ['examples', 'native', 'package', 'program'];
/** Those of the other projects; `wine` runs `windows`. All else is `core`. */
const OTHERS: readonly string[] = ['install', 'netns', 'soak', 'windows', 'wine'];

const testsOf = (folder: string): string => `test/${folder}/**/*.test.ts`;

/** One after the other: they share the machine's processors. */
const ALONE = { fileParallelism: false, hookTimeout: 240_000 } as const;

/** Folders of test/netns; each tunnel that they bring up has `plane`. Its names are its own. */
function netns(
  plane: 'native' | 'portable',
  folders: readonly string[],
): TestProjectInlineConfiguration {
  return {
    test: {
      name: `netns-${plane}`,
      include: folders.map((folder) => testsOf(`netns/${folder}`)),
      globalSetup: 'test/support/build.ts',
      env: { WG_TS_DATAPLANE: plane },
      testTimeout: 240_000,
      hookTimeout: 240_000,
    },
  };
}

const config: ViteUserConfig = {
  test: {
    // Vitest would leave one of two processors alone; most of the tests wait for something.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    projects: [
      {
        test: {
          name: 'core',
          include: ['test/**/*.test.ts'],
          exclude: [...PROGRAM, ...OTHERS].map(testsOf),
          // One process for many files saves a third of the time: each leaves modules as they were.
          isolate: false,
          testTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'program',
          include: PROGRAM.map(testsOf),
          globalSetup: ['test/support/build.ts', 'test/program/readable.ts'],
          // Compilers and programs beside other work.
          testTimeout: 240_000,
          hookTimeout: 240_000,
        },
      },
      {
        test: {
          name: 'soak',
          include: [testsOf('soak')],
          globalSetup: 'test/support/build.ts',
          testTimeout: 400_000,
          ...ALONE,
        },
      },
      netns('native', ['once', 'planes', 'native']),
      netns('portable', ['planes']),
      {
        test: {
          name: 'wine',
          include: [testsOf('wine')],
          ...ALONE,
        },
      },
      {
        test: {
          name: 'install',
          include: [testsOf('install')],
          globalSetup: 'test/install/setup.ts',
          testTimeout: 90_000,
          ...ALONE,
        },
      },
    ],
  },
};

export default config;
