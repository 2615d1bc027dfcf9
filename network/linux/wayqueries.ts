import { closeSync } from 'node:fs';
import { parseIp } from '../../protocol/ip.js';
import { Errno, libc } from '../../system/linux/libc.js';
import { zoneIndex } from '../../system/zone.js';
import type { WayAnswer, WayQueries } from '../ways.js';
import { encodeRouteQuestion, parseRouteAnswers } from './routequery.js';
import { openRouteSocket } from './routesocket.js';

/** The answers to as many fit into a socket's receive buffer of the usual size. */
const BATCH = 32;
const LARGEST = 16_384;

/** Throws where there is no netlink. */
export function openWayQueries(): WayQueries {
  return new RouteQueries(openRouteSocket(0));
}

/** The kernel answers within the call that asks, so nothing is waited for. */
class RouteQueries implements WayQueries {
  readonly batch = BATCH;
  readonly #fd: number;
  readonly #buffer = new Uint8Array(LARGEST);
  #sequence = 0;
  #isOpen = true;

  constructor(fd: number) {
    this.#fd = fd;
  }

  ask(addresses: readonly string[], mark: number): readonly WayAnswer[] {
    if (!this.#isOpen) return addresses.map(() => undefined);
    const answers: WayAnswer[] = addresses.map(() => undefined);
    const first = this.#sequence + 1;
    const questions = addresses.flatMap((text, index) => {
      const [address = '', zone] = text.split('%');
      const destination = parseIp(address);
      const link = zone === undefined ? 0 : zoneIndex(zone);
      if (!destination || (zone !== undefined && link === 0)) {
        answers[index] = 'unreachable';
        return [];
      }
      return [encodeRouteQuestion({ destination, mark, link, sequence: (first + index) >>> 0 })];
    });
    this.#sequence = (this.#sequence + addresses.length) >>> 0;
    if (questions.length === 0) return answers;
    const datagram = Buffer.concat(questions);
    if (libc().write(this.#fd, datagram, datagram.length) < 0) return answers;
    for (const { sequence, way } of this.#read()) {
      const index = (sequence - first) >>> 0;
      // Answers to an earlier question, which were not read then, are passed over.
      if (index < answers.length) answers[index] = way;
    }
    return answers;
  }

  *#read(): Generator<ReturnType<typeof parseRouteAnswers>[number]> {
    const { read, errno } = libc();
    for (;;) {
      const length = read(this.#fd, this.#buffer, LARGEST);
      if (length > 0) yield* parseRouteAnswers(this.#buffer.subarray(0, length));
      else if (length === 0) return;
      else if (errno() !== Errno.EINTR && errno() !== Errno.ENOBUFS) return;
    }
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    closeSync(this.#fd);
  }
}
