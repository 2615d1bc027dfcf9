/** Both ends in one process: the life of a tunnel, without root. */
import { setTimeout as sleep } from 'node:timers/promises';
import { formatIp } from '../../protocol/index.js';
import { UdpError } from '../../src/index.js';
import { stdoutColors } from '../output.js';
import { echoPackets } from '../pair/line.js';
import type { AddressPair } from '../pair/packets.js';
import { echoRequests, Pinger } from '../pair/pinger.js';
import { addressPairs, type TunnelEnd } from '../pair/tunnels.js';
import { until } from '../until.js';
import { formatInterface } from '../wg/show-text.js';
import { type ForwardClock, forwardClock } from './clock.js';
import {
  bringUpEnds,
  type DemoPair,
  type EndConfigs,
  firstHandshake,
  handshakesDone,
  onAnyPort,
} from './ends.js';
import { showPlanes } from './planes.js';
import { Stage } from './stage.js';
import { drawPings, drawWaiting } from './view.js';

const PINGS = 5;
const PING_INTERVAL_MS = 120;
/** The interval of pings while something changes. */
const BUSY_INTERVAL_MS = 20;
/** So that pings are visible before and after a change. */
const BEFORE_CHANGE_MS = 600;
const AFTER_CHANGE_PINGS = 40;
/** The age at which the initiator of a session makes another one (REKEY_AFTER_TIME, section 6.1). */
const REKEY_AFTER_SECONDS = 120;
const CLOCK_STEP_MS = 1000;
const MAX_CLOCK_STEPS = 140;
/** The ping that is on its way when its sender moves. */
const MOVING_MAY_LOSE = 1;
/** Continues the text of a step on the next line. */
const NEXT_LINE: string = `\n${' '.repeat(9)}`;

/** Throws when anything does not work. */
export async function runProcessDemo(configs: EndConfigs, signal: AbortSignal): Promise<void> {
  const demo = new ProcessDemo(configs, signal);
  try {
    await demo.bringUp();
    await demo.handshake();
    await demo.ping();
    await demo.throughput();
    await demo.rekey();
    await demo.roam();
    demo.show();
    await demo.takeDown();
  } finally {
    await demo.close();
  }
}

class ProcessDemo {
  readonly #configs: EndConfigs;
  readonly #pairs: readonly AddressPair[];
  readonly #signal: AbortSignal;
  readonly #stage: Stage;
  readonly #clock: ForwardClock = forwardClock();
  #sessionSince = 0;
  #up: { readonly pair: DemoPair; readonly pinger: Pinger } | undefined;

  constructor(configs: EndConfigs, signal: AbortSignal) {
    this.#configs = configs;
    this.#pairs = addressPairs(configs.client, configs.server);
    this.#signal = signal;
    this.#stage = new Stage(signal);
  }

  async bringUp(): Promise<void> {
    const draw = drawWaiting('tunnels', 'configs/server.conf and configs/demo.conf');
    await this.#stage.step('tunnels', draw, async () => {
      const pair = await this.#pairOnFreePort();
      echoPackets(pair.hosts.server);
      this.#up = { pair, pinger: new Pinger(pair.hosts.client) };
      const { client, server } = pair;
      const { dataPlane } = client.tunnel.status();
      return `server on ${server.address}, client on ${client.address}${NEXT_LINE}(${dataPlane} data plane)`;
    });
  }

  async handshake(): Promise<void> {
    const { pair } = this.#parts;
    const draw = drawWaiting('handshake', 'the client begins');
    await this.#stage.step('handshake', draw, async () => {
      const startedAt = performance.now();
      this.#sessionSince = this.#clock.now();
      await firstHandshake(pair, this.#signal);
      const time = performance.now() - startedAt;
      return `complete in ${time.toFixed(2)} ms, the client is the initiator`;
    });
  }

  /** Pings in both address families. */
  async ping(): Promise<void> {
    const { pair, pinger } = this.#parts;
    const signal = this.#signal;
    for (const addresses of this.#pairs) {
      const name = `ping ${formatIp(addresses[1])}`;
      await this.#stage.step(name, drawPings(name, pinger, pair), async () => {
        const requests = echoRequests([addresses]);
        const enough = (): Promise<void> => pinger.moreReplies(PINGS, signal);
        const { sent, lost } = await pinger.during(requests, PING_INTERVAL_MS, signal, enough);
        mustLose(0, lost);
        const [least, most] = [Math.min(...pinger.times), Math.max(...pinger.times)];
        return `${pinger.received} of ${sent} came back, ${least.toFixed(2)} to ${most.toFixed(2)} ms`;
      });
    }
  }

  async throughput(): Promise<void> {
    const [addresses] = this.#pairs;
    if (!addresses) return;
    const [configs, clock, stage] = [this.#configs, this.#clock, this.#stage];
    await showPlanes({ configs, addresses, clock, stage });
    stage.print(THROUGHPUT_NOTE);
  }

  /**
   * The client starts the rekey because its session is old. Packets pass between two steps of the clock,
   * as after a single leap each end would take the silence for a lost peer.
   */
  async rekey(): Promise<void> {
    const { pair, pinger } = this.#parts;
    const before = [pair.client, pair.server].map(latestHandshake);
    const age = (): number => Math.floor((this.#clock.now() - this.#sessionSince) / 1000);
    const status = (): string => `the session is ${age()} s old`;
    await this.#change({ name: 'rekey', mayLose: 0, status }, async () => {
      for (let steps = 0; steps < MAX_CLOCK_STEPS && pair.client.roles.length < 2; steps++) {
        await pinger.moreReplies(1, this.#signal);
        this.#clock.forward(CLOCK_STEP_MS);
      }
      const renewedAfter = age();
      await handshakesDone(pair, 2, this.#signal);
      if (renewedAfter < REKEY_AFTER_SECONDS)
        throw new Error(`the session was renewed too early, after ${renewedAfter} s`);
      const after = [pair.client, pair.server].map(latestHandshake);
      if (after.some((time, end) => time <= (before[end] ?? 0n)))
        throw new Error('one end has not recorded the new handshake');
      return [
        'the clock is advanced by two minutes, one second per ping;',
        `at ${renewedAfter} s the client renews the session for both ends;`,
      ].join(NEXT_LINE);
    });
  }

  async roam(): Promise<void> {
    const { client, server } = this.#parts.pair;
    await this.#change({ name: 'roaming', mayLose: MOVING_MAY_LOSE }, async () => {
      const from = client.tunnel.listenPort;
      await moveToAnotherPort(client);
      const endpoint = client.address;
      if (client.tunnel.listenPort === from) throw new Error(`the client is still on port ${from}`);
      const follows = (): boolean => server.endpoints.at(-1) === endpoint;
      await until(`the server finds the client at ${endpoint}`, follows, this.#signal);
      if (server.tunnel.peers()[0]?.endpoint !== endpoint)
        throw new Error('the status of the server has a different endpoint than its event');
      return [
        `the client moves from port ${from} to ${client.tunnel.listenPort};`,
        `the server follows it to ${endpoint};`,
      ].join(NEXT_LINE);
    });
  }

  show(): void {
    const { client } = this.#parts.pair;
    const now = Number(this.#clock.wallNanos() / 1_000_000_000n);
    const shown = formatInterface(client.tunnel.status(), stdoutColors().isColorSupported, now);
    this.#stage.print(`\n${shown}\n`);
  }

  async takeDown(): Promise<void> {
    const { pair } = this.#parts;
    await this.#stage.step('down', undefined, async () => {
      for (const { tunnel, rxBytes, txBytes } of [pair.client, pair.server])
        if (rxBytes === 0n || txBytes === 0n)
          throw new Error(`the ${tunnel.name} has counted no traffic`);
      await pair.close();
      for (const { tunnel } of [pair.client, pair.server])
        if (tunnel.state !== 'closed') throw new Error(`the ${tunnel.name} is ${tunnel.state}`);
      return 'both tunnels are closed';
    });
  }

  /** Idempotent. */
  async close(): Promise<void> {
    await this.#up?.pair.close();
  }

  get #parts(): { readonly pair: DemoPair; readonly pinger: Pinger } {
    if (!this.#up) throw new Error('the tunnels are not up');
    return this.#up;
  }

  async #pairOnFreePort(): Promise<DemoPair> {
    const options = { clock: this.#clock, signal: this.#signal };
    try {
      return await bringUpEnds(this.#configs, options);
    } catch (error) {
      if (!(error instanceof UdpError) || error.code !== 'ERR_PORT_IN_USE') throw error;
      const port = this.#configs.server.interface.listenPort;
      this.#stage.print(`port ${port} is in use, so the system chooses another one\n`);
      return await bringUpEnds(onAnyPort(this.#configs), options);
    }
  }

  /** Pings before, during and after `make`, which returns a description of the result. */
  async #change({ name, mayLose, status }: Change, make: () => Promise<string>): Promise<void> {
    const { pair, pinger } = this.#parts;
    const signal = this.#signal;
    await this.#stage.step(name, drawPings(name, pinger, pair, status), async () => {
      let detail = '';
      const work = async (): Promise<void> => {
        await sleep(BEFORE_CHANGE_MS, undefined, { signal });
        detail = await make();
        await pinger.moreReplies(AFTER_CHANGE_PINGS, signal);
      };
      const requests = echoRequests(this.#pairs);
      const { sent, lost } = await pinger.during(requests, BUSY_INTERVAL_MS, signal, work);
      mustLose(mayLose, lost);
      return `${detail}${NEXT_LINE}${sent} pings meanwhile, ${lost === 0 ? 'none' : lost} lost`;
    });
  }
}

interface Change {
  readonly name: string;
  /** How many pings may be lost. */
  readonly mayLose: number;
  /** What is shown besides pings. */
  readonly status?: () => string;
}

const THROUGHPUT_NOTE = `         (Here each packet passes through JavaScript at both ends. With a real interface
         the native data plane avoids that, and is much faster: see "How fast" in
         README.md.)
`;

function mustLose(mayLose: number, lost: number): void {
  if (lost > mayLose) throw new Error(`${lost} pings were lost`);
}

function latestHandshake({ tunnel }: TunnelEnd): bigint {
  return tunnel.peers()[0]?.latestHandshake ?? 0n;
}

/** Fixes the port first: a port that the system chose is kept when asked for any port, a fixed one is not. */
async function moveToAnotherPort({ tunnel }: TunnelEnd): Promise<void> {
  await tunnel.configure({ listenPort: tunnel.listenPort, peers: [] });
  await tunnel.configure({ listenPort: 0, peers: [] });
}
