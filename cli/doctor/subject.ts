/** A tunnel to be examined: from its file, from its running state, or from both. */
import { existsSync, statSync } from 'node:fs';
import { Secret } from '../../crypto/secret.js';
import { formatPrefix } from '../../protocol/ip.js';
import { ConfigError, formatProblem } from '../../src/config/errors.js';
import { readConfigFile } from '../../src/config/file.js';
import { encodeKey } from '../../src/config/key.js';
import {
  type Config,
  type EndpointConfig,
  endpointsOf,
  hasPrivateKey,
  zeroConfig,
} from '../../src/config/model.js';
import { parseConfig } from '../../src/config/parse.js';
import { parseEndpoint } from '../../src/config/values.js';
import { publicKeyOf } from '../../src/keys.js';
import { queryUapi, uapiSocket } from '../../src/uapi/client.js';
import { type UapiDevice, type UapiPeer, zeroSecrets } from '../../src/uapi/codec.js';
import { WgTsError } from '../../system/errors.js';
import type {
  ConfigurationFacts,
  InterfaceFacts,
  PeerFacts,
  RunningFacts,
  TunnelFacts,
} from './facts.js';
import { type Finding, named, problem } from './finding.js';

const NANOS_A_MILLI = 1_000_000n;

export interface SubjectName {
  readonly name: string;
  readonly file: string;
  /** The user named it, so a missing file is an error. */
  readonly isNamed: boolean;
}

export interface Subject {
  readonly facts: TunnelFacts;
  readonly title: string;
  /** The configuration in the file; its secrets are zeroed by `discard`. */
  readonly config?: Config;
  /** The endpoints of each peer by its public key (base64), the preferred one first. */
  readonly endpoints: ReadonlyMap<string, readonly EndpointConfig[]>;
  /** Moments that are in the past, Unix milliseconds. */
  readonly witnesses: readonly number[];
  discard(): void;
}

interface ReadFile {
  readonly config: Config;
  readonly warnings: readonly string[];
  readonly changedAt: number;
}

/** Resolves to findings when the file has errors. Throws WgTsError when there is nothing to examine. */
export async function openSubject(
  { name, file, isNamed }: SubjectName,
  interfaces: readonly InterfaceFacts[],
): Promise<Subject | Finding[]> {
  const device = await askRunning(name);
  try {
    const read = await readFile(file, isNamed && device === undefined);
    if (Array.isArray(read)) return read;
    if (!device && !read) throw notThere(name);
    return subjectOf(name, file, device, read, interfaces);
  } finally {
    if (device) zeroSecrets(device);
  }
}

/** Resolves to undefined also when this user has no access. */
async function askRunning(name: string): Promise<UapiDevice | undefined> {
  try {
    return await queryUapi(uapiSocket(name));
  } catch {
    return undefined;
  }
}

async function readFile(
  file: string,
  isNeeded: boolean,
): Promise<ReadFile | Finding[] | undefined> {
  if (!isNeeded && !existsSync(file)) return undefined;
  try {
    const { text, warnings: ofFile } = await readConfigFile(file);
    const { config, warnings } = parseConfig(text, { file });
    const all = [...ofFile, ...warnings.map((one) => formatProblem(file, one))];
    return { config, warnings: all, changedAt: statSync(file).mtimeMs };
  } catch (error) {
    if (error instanceof ConfigError)
      return error.problems.flatMap((one) =>
        named('configuration', 'file', problem(formatProblem(file, one), 'correct this line')),
      );
    if (isNeeded) throw error;
    return undefined;
  }
}

function notThere(name: string): WgTsError {
  return new WgTsError('ERR_NOT_UP', `${name} is not up and has no readable file`, {
    hint: 'name the file: wg-ts doctor FILE; only root can examine running tunnels',
  });
}

function subjectOf(
  name: string,
  file: string,
  device: UapiDevice | undefined,
  read: ReadFile | undefined,
  interfaces: readonly InterfaceFacts[],
): Subject {
  const running = device && runningFacts(device, undefined);
  const fromDevice = device && configurationOfDevice(name, device, interfaces);
  const fromFile = read && configurationOfFile(read.config, running?.publicKey);
  const configuration = fromFile ?? fromDevice;
  if (!configuration) throw notThere(name);
  const facts: TunnelFacts = {
    name,
    configuration,
    ...(running && { running }),
    ...(fromFile &&
      read &&
      hasPrivateKey(read.config.interface) && { filePublicKey: fromFile.publicKey }),
    fileWarnings: read?.warnings ?? [],
  };
  return {
    facts,
    title: `tunnel ${name} (${running ? 'up' : `not up, ${file}`})`,
    ...(read && { config: read.config }),
    endpoints: endpointsByPeer(device, read?.config),
    witnesses: [
      ...(read ? [read.changedAt] : []),
      ...(running?.peers.map(({ latestHandshake }) => latestHandshake) ?? []),
    ],
    discard() {
      if (read) zeroConfig(read.config);
    },
  };
}

/** Resolves to undefined when the tunnel is no longer up. */
export async function lookAtRunning(name: string, mtu?: number): Promise<RunningFacts | undefined> {
  const device = await askRunning(name);
  if (!device) return undefined;
  try {
    return runningFacts(device, mtu);
  } finally {
    zeroSecrets(device);
  }
}

function runningFacts(device: UapiDevice, mtu: number | undefined): RunningFacts {
  return {
    publicKey: publicKeyOfDevice(device),
    listenPort: device.listenPort,
    fwMark: device.fwMark,
    ...(mtu !== undefined && { mtu }),
    peers: device.peers.map((peer) => ({
      publicKey: encodeKey(peer.publicKey),
      latestHandshake: Number(peer.latestHandshake / NANOS_A_MILLI),
      rxBytes: Number(peer.rxBytes),
      txBytes: Number(peer.txBytes),
    })),
  };
}

function publicKeyOfDevice({ privateKey }: UapiDevice): string {
  return encodeKey(privateKey instanceof Secret ? publicKeyOf(privateKey) : new Uint8Array(32));
}

/** `publicKey`: that of the running tunnel, for a file that leaves the private key to PostUp. */
function configurationOfFile(config: Config, publicKey = ''): ConfigurationFacts {
  const own = config.interface;
  return {
    publicKey: hasPrivateKey(own) ? encodeKey(publicKeyOf(own.privateKey)) : publicKey,
    listenPort: own.listenPort ?? 0,
    fwMark: own.fwMark ?? 0,
    addresses: own.addresses.map(formatPrefix),
    dnsServers: own.dnsServers,
    table: own.table,
    peers: config.peers.map((peer): PeerFacts => {
      const [endpoint] = endpointsOf(peer);
      return {
        publicKey: encodeKey(peer.publicKey),
        hasPresharedKey: peer.presharedKey !== undefined,
        ...(endpoint && { endpoint }),
        allowedIps: peer.allowedIps.map(formatPrefix),
        persistentKeepalive: peer.persistentKeepalive ?? 0,
      };
    }),
  };
}

function configurationOfDevice(
  name: string,
  device: UapiDevice,
  interfaces: readonly InterfaceFacts[],
): ConfigurationFacts {
  return {
    publicKey: publicKeyOfDevice(device),
    listenPort: device.listenPort,
    fwMark: device.fwMark,
    addresses: interfaces.find((one) => one.name === name)?.addresses ?? [],
    dnsServers: [],
    table: 'auto',
    peers: device.peers.map((peer): PeerFacts => {
      const endpoint = endpointOfDevice(peer);
      return {
        publicKey: encodeKey(peer.publicKey),
        hasPresharedKey: peer.presharedKey !== undefined,
        ...(endpoint && { endpoint }),
        allowedIps: peer.allowedIps,
        persistentKeepalive: peer.persistentKeepalive,
      };
    }),
  };
}

/** What runs now comes before what the file says. */
function endpointsByPeer(
  device: UapiDevice | undefined,
  config: Config | undefined,
): ReadonlyMap<string, readonly EndpointConfig[]> {
  const map = new Map<string, readonly EndpointConfig[]>();
  for (const peer of config?.peers ?? []) map.set(encodeKey(peer.publicKey), endpointsOf(peer));
  for (const peer of device?.peers ?? []) {
    const key = encodeKey(peer.publicKey);
    const endpoint = endpointOfDevice(peer);
    if (endpoint && !map.has(key)) map.set(key, [endpoint]);
  }
  return map;
}

function endpointOfDevice({ endpoint }: UapiPeer): EndpointConfig | undefined {
  return endpoint === undefined ? undefined : parseEndpoint(endpoint, () => undefined);
}
