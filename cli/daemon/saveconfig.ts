/** Saves the state of a running tunnel to its configuration file. */
import { formatPrefix, type IpPrefix, parsePrefix } from '../../protocol/ip.js';
import { readConfigFile } from '../../src/config/file.js';
import { formatConfig } from '../../src/config/format.js';
import { encodeKey } from '../../src/config/key.js';
import {
  type Config,
  type InterfaceConfig,
  type PeerConfig,
  zeroConfig,
} from '../../src/config/model.js';
import { parseConfig } from '../../src/config/parse.js';
import { replaceFile } from '../../src/config/replacefile.js';
import { parseEndpoint } from '../../src/config/values.js';
import type { UapiDevice, UapiPeer } from '../../src/uapi/codec.js';
import { WgTsError } from '../../system/errors.js';

export interface SaveOptions {
  /** Writes nothing unless the file has `SaveConfig = true`. */
  readonly onlyIfAsked?: boolean;
}

/**
 * Saves the running state to `file`, as wg-quick(8) does for SaveConfig. Keys, port, mark and peers come
 * from the running tunnel; addresses, DNS, commands and everything else are kept from the file. Comments
 * are lost. Resolves to false when the file did not ask for it. The secrets that `running` returns stay the
 * caller's, and are used at once.
 * Throws ConfigError and WgTsError ERR_FILE, with the file untouched.
 */
export async function saveConfig(
  file: string,
  running: () => UapiDevice,
  { onlyIfAsked = false }: SaveOptions = {},
): Promise<boolean> {
  const { text } = await readConfigFile(file);
  const { config } = parseConfig(text, { file });
  try {
    if (onlyIfAsked && !config.interface.saveConfig) return false;
    const saved = formatConfig(savedConfig(config, running()));
    if (saved !== text) await replaceFile(file, saved);
    return true;
  } catch (error) {
    throw error instanceof WgTsError ? error : cannotWrite(file, error);
  } finally {
    zeroConfig(config);
  }
}

/** Returns `file` with the running state in place of its own. Secrets are shared, not copied. */
export function savedConfig(file: Config, running: UapiDevice): Config {
  const known = new Map(file.peers.map((peer) => [encodeKey(peer.publicKey), peer]));
  const { listenPort: _port, fwMark: _mark, ...kept } = file.interface;
  return {
    interface: {
      ...kept,
      privateKey: running.privateKey ?? file.interface.privateKey,
      ...(running.listenPort !== 0 && { listenPort: running.listenPort }),
      ...(running.fwMark !== 0 && { fwMark: running.fwMark }),
    },
    peers: running.peers.map((peer) =>
      savedPeer(known.get(encodeKey(peer.publicKey)), peer, file.interface),
    ),
  };
}

function savedPeer(
  inFile: PeerConfig | undefined,
  running: UapiPeer,
  settings: InterfaceConfig,
): PeerConfig {
  const { endpoint: written, fallbackEndpoints, excludedIps, writtenAllowedIps } = inFile ?? {};
  // If the names are still needed, the address that one resolved to must not replace it.
  const needsNames = settings.reresolveInterval !== undefined || fallbackEndpoints;
  const now = running.endpoint === undefined ? undefined : parseEndpoint(running.endpoint, ignore);
  const endpoint = needsNames && written ? written : now;
  const allowedIps = running.allowedIps.map(parsePrefix).filter((prefix) => prefix !== undefined);
  const isAsWritten = inFile && isSame(inFile.allowedIps, allowedIps);
  return {
    publicKey: running.publicKey,
    ...(running.presharedKey && { presharedKey: running.presharedKey }),
    allowedIps,
    ...(isAsWritten && excludedIps && { excludedIps }),
    ...(isAsWritten && writtenAllowedIps && { writtenAllowedIps }),
    ...(endpoint && { endpoint }),
    ...(endpoint && fallbackEndpoints && { fallbackEndpoints }),
    ...(running.persistentKeepalive !== 0 && { persistentKeepalive: running.persistentKeepalive }),
  };
}

function isSame(some: readonly IpPrefix[], others: readonly IpPrefix[]): boolean {
  const sorted = (list: readonly IpPrefix[]): string => list.map(formatPrefix).sort().join();
  return sorted(some) === sorted(others);
}

/** The interface reports only valid endpoints. */
function ignore(): void {}

function cannotWrite(file: string, error: unknown): WgTsError {
  const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
  return new WgTsError('ERR_FILE', `${file} cannot be written (${code}): it was not changed`, {
    hint: `make room or allow writing there, then run wg-ts save ${file}`,
    cause: error,
  });
}
