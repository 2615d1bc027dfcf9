/** Notifies systemd of the state of a service: sd_notify(3), by datagrams on a Unix socket. */
import { closeSync } from 'node:fs';
import { libc } from '../../../system/linux/libc.js';
import { oneLine } from '../../../system/text.js';

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_SNDTIMEO = 21;
/** A struct timeval of one second: a manager that does not read must not block the tunnel. */
const ONE_SECOND = new Uint8Array(new BigInt64Array([1n, 0n]).buffer);
/** The sizes of the fields of sockaddr_un on Linux. */
const FAMILY_BYTES = 2;
const MAX_PATH_BYTES = 108;

export interface ServiceNotifier {
  /** Call it when the tunnel is up. `status` is one line for systemctl status. */
  ready(status: string): void;
  status(text: string): void;
  /** Call it when the tunnel is going down. */
  stopping(): void;
  /** Stops the watchdog messages and closes the socket. */
  close(): void;
}

/**
 * Returns undefined when no service manager has started this process. Removes NOTIFY_SOCKET and the other
 * variables of the service from `env`, so that no child process can send notifications for it.
 */
export function serviceNotifier(env: NodeJS.ProcessEnv = process.env): ServiceNotifier | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: usec, WATCHDOG_PID: pid } = env;
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete env[name];
  if (process.platform !== 'linux' || !socket) return undefined;
  const address = unixAddress(socket);
  if (!address) return undefined;
  const sender = new DatagramSender(address);
  const isWatched = usec !== undefined && (pid === undefined || pid === String(process.pid));
  const watchdog = isWatched ? startWatchdog(sender, Number(usec)) : undefined;
  return {
    ready: (status) => sender.send(`READY=1\nSTATUS=${oneLine(status)}`),
    status: (text) => sender.send(`STATUS=${oneLine(text)}`),
    stopping: () => sender.send('STOPPING=1\nSTATUS=going down'),
    close() {
      clearInterval(watchdog);
      sender.close();
    },
  };
}

/**
 * Returns a sockaddr_un. A leading `@` stands for the zero byte of the abstract namespace. Returns undefined
 * for anything but that or an absolute path, or when it is too long.
 */
export function unixAddress(socket: string): Uint8Array | undefined {
  const isAbstract = socket.startsWith('@');
  if (!isAbstract && !socket.startsWith('/')) return undefined;
  const name = Buffer.from(isAbstract ? `\0${socket.slice(1)}` : `${socket}\0`, 'utf8');
  if (name.length > MAX_PATH_BYTES) return undefined;
  const family = Buffer.from(new Uint16Array([AF_UNIX]).buffer);
  return Buffer.concat([family, name], FAMILY_BYTES + name.length);
}

/** Shows twice in each period that the event loop is alive. `usec` is in microseconds. */
function startWatchdog(sender: DatagramSender, usec: number): NodeJS.Timeout | undefined {
  if (!(usec > 0)) return undefined;
  return setInterval(() => sender.send('WATCHDOG=1'), usec / 2000).unref();
}

/** Ignores all errors: a tunnel must not fail because no service manager listens. */
class DatagramSender {
  readonly #address: Uint8Array;
  #fd = -1;

  constructor(address: Uint8Array) {
    this.#address = address;
  }

  send(text: string): void {
    if (this.#fd < 0) this.#open();
    if (this.#fd < 0) return;
    const bytes = Buffer.from(text, 'utf8');
    libc().write(this.#fd, bytes, bytes.length);
  }

  #open(): void {
    const { socket, setsockopt, connect } = libc();
    this.#fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) return;
    setsockopt(this.#fd, SOL_SOCKET, SO_SNDTIMEO, ONE_SECOND, ONE_SECOND.length);
    if (connect(this.#fd, this.#address, this.#address.length) !== 0) this.close();
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}
