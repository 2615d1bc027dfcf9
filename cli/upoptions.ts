/**
 * The options of `up` that are passed on, in one table. The command lines of `up` and `service install`,
 * the arguments and environment of the processes that run tunnels, and the settings derive from it.
 */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { formatEndpoint } from '../src/config/format.js';
import type { EndpointConfig } from '../src/config/model.js';
import { parseListener } from '../src/config/values.js';
import type { ConnectOptions } from '../src/index.js';
import { MAX_WORKERS } from '../src/program.js';

interface UpOption {
  /** The name of the setting, as commander derives it from `long`. */
  readonly key: string;
  readonly short?: string;
  readonly long: string;
  readonly description: string;
  /** The name of the value; an option without one is a switch. */
  readonly value?: string;
  readonly choices?: readonly string[];
  readonly parse?: (text: string) => Value;
  /** The environment variable that sets the option in `up`, and passes it to a systemd service. */
  readonly env?: string;
  /** Present if a service keeps the option: its position among the options of `service install`. */
  readonly service?: number;
  /** Passed to `connect` unchanged, under the same key. */
  readonly isForConnect?: true;
}

type Value = boolean | number | string | EndpointConfig;

/** In the order of `up --help`. */
const OPTIONS = [
  { key: 'verbose', short: '-v', long: '--verbose', description: 'log more' },
  {
    key: 'dataPlane',
    long: '--data-plane',
    value: '<PLANE>',
    description: 'the data plane that moves packets (default: native where it loads)',
    choices: ['native', 'portable'],
    env: 'WG_TS_DATAPLANE',
    service: 2,
    isForConnect: true,
  },
  {
    key: 'workers',
    long: '--workers',
    value: '<COUNT>',
    description: 'threads of the native data plane (default: one per core, up to 4)',
    parse: (text: string): number => parseWorkers(text),
    env: 'WG_TS_WORKERS',
    service: 3,
    isForConnect: true,
  },
  {
    key: 'allowHooks',
    long: '--allow-hooks',
    description: 'on Windows: run PreUp, PostUp, PreDown and PostDown from the file',
    service: 1,
    isForConnect: true,
  },
  {
    key: 'killSwitch',
    long: '--kill-switch',
    description:
      'kill switch: block all traffic outside the tunnel until `down`, even after a crash',
  },
  {
    key: 'excludeLan',
    long: '--exclude-lan',
    description: 'exclude the local network from a default route',
  },
  {
    key: 'metrics',
    long: '--metrics',
    value: '<ADDRESS:PORT>',
    description: 'serve Prometheus metrics and /healthz over HTTP',
    parse: (text: string): EndpointConfig => parseMetricsAddress(text),
    isForConnect: true,
  },
] as const;

type AnyOption = (typeof OPTIONS)[number];
type ServiceOption = Extract<AnyOption, { readonly service: number }>;
type ConnectOption = Extract<AnyOption, { readonly isForConnect: true }>;

type ValueOf<O extends UpOption> = O extends { readonly parse: (text: string) => infer T }
  ? T
  : O extends { readonly choices: readonly (infer T)[] }
    ? T
    : boolean;

type SettingsOf<O extends AnyOption> = { readonly [P in O as P['key']]?: ValueOf<P> };

/** The settings of a tunnel that the command line may choose. */
export type UpSettings = SettingsOf<AnyOption>;

/** Those of them that are chosen when a service is installed, for as long as it stays installed. */
export type ServiceSettings = SettingsOf<ServiceOption>;

/** Those of them that are also options of `connect`. */
export type ConnectSettings = Pick<ConnectOptions, ConnectOption['key']>;

const SERVICE_OPTIONS = OPTIONS.filter((option) => 'service' in option).toSorted(
  (a, b) => a.service - b.service,
);

export function addUpOptions(command: Command): Command {
  for (const option of OPTIONS) {
    const made = commanderOption(option);
    command.addOption('env' in option ? made.env(option.env) : made);
  }
  return command;
}

/** For `service install`, and for `service run`, to which Windows passes them. */
export function addServiceOptions(command: Command): Command {
  for (const option of SERVICE_OPTIONS) command.addOption(commanderOption(option));
  return command;
}

function commanderOption({ short, long, value, description, ...of }: UpOption): Option {
  const names = short === undefined ? long : `${short}, ${long}`;
  const made = new Option(value === undefined ? names : `${names} ${value}`, description);
  if (of.choices) made.choices(of.choices);
  if (of.parse) made.argParser(of.parse);
  return made;
}

/** Returns the arguments that `up` parses as these settings. */
export function upArguments(settings: UpSettings): string[] {
  return OPTIONS.flatMap(({ key, long }) => argumentsOf(long, settings[key]));
}

/** Returns the arguments that `service run` parses as these settings. */
export function serviceArguments(settings: ServiceSettings): string[] {
  return SERVICE_OPTIONS.flatMap(({ key, long }) => argumentsOf(long, settings[key]));
}

/** `NAME=value` for each setting that has a variable: an instance of a systemd template takes nothing else. */
export function serviceEnvironment(settings: ServiceSettings): string[] {
  return SERVICE_OPTIONS.flatMap((option) => {
    const value = settings[option.key];
    // To commander, any value of a switch's variable turns the switch on.
    const isChosen = value !== undefined && value !== false;
    return 'env' in option && isChosen ? [`${option.env}=${textOf(value)}`] : [];
  });
}

export function connectSettings(settings: UpSettings): ConnectSettings {
  const chosen = OPTIONS.filter((option) => 'isForConnect' in option).map(({ key }) => key);
  return pick(settings, chosen);
}

function pick<T, K extends keyof T>(from: T, keys: readonly K[]): Partial<Pick<T, K>> {
  const picked: Partial<Pick<T, K>> = {};
  for (const key of keys) if (from[key] !== undefined) picked[key] = from[key];
  return picked;
}

function argumentsOf(long: string, value: Value | undefined): string[] {
  if (value === undefined || value === false) return [];
  return value === true ? [long] : [long, textOf(value)];
}

function textOf(value: Value): string {
  return typeof value === 'object' ? formatEndpoint(value) : String(value);
}

function parseWorkers(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= MAX_WORKERS) return count;
  throw new InvalidArgumentError(`It must be 1 to ${MAX_WORKERS}.`);
}

function parseMetricsAddress(text: string): EndpointConfig {
  let complaint = '';
  const address = parseListener(text, (message) => {
    complaint ||= message;
  });
  if (address) return address;
  throw new InvalidArgumentError(`It ${complaint}.`);
}
