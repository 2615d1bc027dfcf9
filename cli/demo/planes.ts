/** Measures the throughput of each data plane in this process. */
import { type Clock, type DataPlaneKind, WgTsError } from '../../src/index.js';
import type { AddressPair } from '../pair/packets.js';
import { measureThroughput } from '../pair/throughput.js';
import { bringUpEnds, type DemoPair, type EndConfigs, firstHandshake, onAnyPort } from './ends.js';
import type { Stage } from './stage.js';
import { drawThroughput } from './view.js';

const PLANES: readonly DataPlaneKind[] = ['native', 'portable'];
const FLOOD_MS = 1500;

export interface PlanesDemo {
  readonly configs: EndConfigs;
  /** IPv4 addresses. */
  readonly addresses: AddressPair;
  readonly clock: Clock;
  readonly stage: Stage;
}

/** Brings up separate tunnels for each plane, and takes them down. Throws when one does not work. */
export async function showPlanes(demo: PlanesDemo): Promise<void> {
  for (const kind of PLANES) {
    const name = `throughput, ${kind}`;
    const pair = await bringUpOrWhyNot(demo, kind);
    if (typeof pair === 'string') demo.stage.printSkipped(name, `left out${pair}`);
    else await showPlane(demo, name, pair);
  }
}

async function bringUpOrWhyNot(
  { configs, clock, stage: { signal } }: PlanesDemo,
  dataPlane: DataPlaneKind,
): Promise<DemoPair | string> {
  const wanted = process.env['WG_TS_DATAPLANE'];
  if (wanted && wanted !== dataPlane) return `, as WG_TS_DATAPLANE is ${wanted}`;
  try {
    return await bringUpEnds(onAnyPort(configs), { clock, signal, dataPlane });
  } catch (error) {
    if (!(error instanceof WgTsError) || error.code !== 'ERR_UNSUPPORTED') throw error;
    return `: ${error.message}`;
  }
}

async function showPlane(
  { addresses, stage }: PlanesDemo,
  name: string,
  pair: DemoPair,
): Promise<void> {
  const samples: number[] = [];
  const hosts = [pair.hosts.client, pair.hosts.server] as const;
  const { signal } = stage;
  try {
    await stage.step(name, drawThroughput(name, samples, pair), async () => {
      await firstHandshake(pair, signal);
      const onSample = (sample: number): void => void samples.push(sample);
      const result = await measureThroughput(hosts, addresses, FLOOD_MS, signal, onSample);
      const losses = result.lost === 0 ? '' : `, ${result.lost} lost`;
      return `${result.megabits.toFixed(0)} Mbit/s, ${result.packets} packets verified${losses}`;
    });
  } finally {
    await pair.close();
  }
}
