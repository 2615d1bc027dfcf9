import { readdir } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { asTun, type PacketStream } from '../../tun/stream/streamtun.js';
import type { Tun } from '../../tun/tun.js';
import type { OwnTransport } from '../../udp/own.js';
import type { Config } from '../config/model.js';
import { withConfig } from '../config/text.js';
import type { TunnelOptions } from './options.js';
import type { ProgramOptions } from './programoptions.js';
import { newTunnel, type Tunnel } from './tunnel.js';

/** Options of `connect`. All are optional. */
export interface ConnectOptions extends Omit<TunnelOptions, 'name' | 'tun'> {
  /**
   * Name of the interface: 1 to 15 of the characters a-z A-Z 0-9 _ = + . - ; by default that of `tun`,
   * or the first of wg-ts0, wg-ts1, ... that the system does not have.
   */
  readonly name?: string;
  /**
   * Packets are exchanged with this device or stream instead of a system interface: the system's
   * network is not configured, no hook runs, and no privilege is needed. It is closed with the tunnel,
   * and when the bring-up fails.
   */
  readonly tun?: Tun | PacketStream;
  /** Minimum time between two `transfer` events of a peer, in milliseconds; 1000 by default. */
  readonly transferInterval?: number;
}

/**
 * Brings a tunnel up: creates the interface, opens the sockets, configures addresses, routes and DNS.
 * `config` is the text of a wg-quick(8) file, or the result of `parseConfig`; its secrets remain the
 * caller's. When it resolves, packets are accepted; a handshake takes place with the first packet, or
 * on `tunnel.handshake()`.
 *
 * When a step fails, everything done so far is undone before the error is thrown.
 *
 * @throws ConfigError, WgTsError, TunError, NetConfigError or UdpError, each with a `code` (see
 * docs/errors.md); and the signal's reason.
 */
export async function connect(
  config: Config | string,
  options: ConnectOptions = {},
): Promise<Tunnel> {
  return await connectWith(config, options, {});
}

/** Reads program options from `program` only: any in `options` have no effect. */
export async function connectWith(
  config: Config | string,
  options: ConnectOptions,
  program: ProgramOptions,
): Promise<Tunnel> {
  const tun = options.tun && asTun(options.tun, options.name);
  try {
    return await withConfig(config, (read) => open(read, options, program, tun));
  } catch (error) {
    tun?.close();
    if (options.transport) await abandon(options.transport);
    throw error;
  }
}

/** An exception of the transport must not hide why the tunnel could not be brought up. */
async function abandon(transport: OwnTransport): Promise<void> {
  const { abandonTransport } = await import('../../udp/own.js');
  await abandonTransport(transport).catch(() => undefined);
}

async function open(
  config: Config,
  options: ConnectOptions,
  program: ProgramOptions,
  tun: Tun | undefined,
): Promise<Tunnel> {
  options.signal?.throwIfAborted();
  // Imported late, so that programs that import this start fast.
  const { bringUp } = await import('./bringup.js');
  const { transferInterval, tun: _, ...others } = options;
  const name = options.name ?? tun?.name ?? (await freeName());
  let made: ReturnType<typeof newTunnel> | undefined;
  let failedEarly: Error | undefined;
  const own = { ...others, name, ...(tun && { tun }) };
  const up = await bringUp(config, own, program, (error) => {
    if (made) made.end(error);
    else failedEarly = error;
  });
  made = newTunnel({ name, ...up, transferInterval });
  if (failedEarly) made.end(failedEarly);
  return made.tunnel;
}

async function freeName(): Promise<string> {
  const taken = new Set(Object.keys(networkInterfaces()));
  // Includes interfaces that are down.
  for (const name of await readdir('/sys/class/net').catch(() => [])) taken.add(name);
  let number = 0;
  while (taken.has(`wg-ts${number}`)) number++;
  return `wg-ts${number}`;
}
