/** What `up` hands on comes out of a command line as it went in. */
import { Command, type Option } from 'commander';
import { expect, it } from 'vitest';
import {
  addServiceOptions,
  addUpOptions,
  connectSettings,
  serviceArguments,
  serviceEnvironment,
  upArguments,
} from '../../cli/upoptions.js';

/** For options that take more than a choice. */
const VALUES: Readonly<Record<string, string>> = {
  '--workers': '3',
  '--metrics': '[fd00::1]:9586',
};

const HANDED_ON = [
  { by: 'up', add: addUpOptions, argumentsOf: upArguments },
  { by: 'service install', add: addServiceOptions, argumentsOf: serviceArguments },
];

/** Without a long name, which each has, nothing matches. */
function typed({ long = '', argChoices, required }: Option): string[] {
  return required ? [long, argChoices?.[0] ?? VALUES[long] ?? ''] : [long];
}

function parsed(command: Command, args: readonly string[]): Record<string, unknown> {
  return command.exitOverride().parse(args, { from: 'user' }).opts();
}

it.each(HANDED_ON)('each option that $by hands on', ({ add, argumentsOf }) => {
  const { options } = add(new Command());
  expect(options.length).toBeGreaterThan(0);
  for (const option of options) {
    const args = typed(option);
    const settings = parsed(add(new Command()), args);
    expect(Object.keys(settings)).toEqual([option.attributeName()]);
    expect(argumentsOf(settings)).toEqual(args);
  }
  const all = options.flatMap(typed);
  expect(argumentsOf(parsed(add(new Command()), all))).toEqual(all);
  expect(argumentsOf({})).toEqual([]);
});

it('an option that is left out is not handed on as undefined', () => {
  expect(connectSettings({})).toEqual({});
  expect(Object.keys(connectSettings({ workers: 2, killSwitch: true }))).toEqual(['workers']);
});

it('a unit of systemd gets the options that can be set in its environment', () => {
  expect(serviceEnvironment({ workers: 2, dataPlane: 'native', allowHooks: true })).toEqual([
    'WG_TS_DATAPLANE=native',
    'WG_TS_WORKERS=2',
  ]);
});
