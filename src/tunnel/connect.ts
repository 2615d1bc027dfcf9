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

/** How `connect` brings a tunnel up. All may be left out. */
export interface ConnectOptions extends Omit<TunnelOptions, 'name' | 'tun'> {
  /**
   * Of the interface: 1 to 15 of the characters a-z A-Z 0-9 _ = + . - ; by default that of `tun`, or the
   * first of wg-ts0, wg-ts1, ... that the system does not have.
   */
  readonly name?: string;
  /**
   * Packets come from and go to this device or stream instead of an interface of the system's: then
   * nothing of the system's network is configured, no hook runs, and no privilege is needed. It is
   * closed with the tunnel, and when the bring-up fails.
   */
  readonly tun?: Tun | PacketStream;
  /** Least milliseconds between two `transfer` events of a peer; 1000 by default. */
  readonly transferInterval?: number;
}

/**
 * Brings a tunnel up: makes the interface, opens the sockets, configures addresses, routes and DNS.
 * `config` is the text of a file of wg-quick(8), or what `parseConfig` made of it; its secrets stay the
 * caller's. Packets move when it answers; a handshake comes with the first one, or by
 * `tunnel.handshake()`.
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

/** Takes `program` from nowhere but its own argument: what else `options` may have has no effect. */
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

/** What it throws must not hide why there is no tunnel. */
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
  // Only now, so that a program which imports this starts fast.
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
  // Those that are down, too.
  for (const name of await readdir('/sys/class/net').catch(() => [])) taken.add(name);
  let number = 0;
  while (taken.has(`wg-ts${number}`)) number++;
  return `wg-ts${number}`;
}
