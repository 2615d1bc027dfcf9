/** How much each data plane moves, in this process. */
import { type Config, type DataPlaneKind, WgTsError } from '../../src/index.js';
import { measureThroughput } from '../pair/throughput.js';
import {
  type AddressPair,
  bringUpPair,
  type DemoPair,
  type EndOptions,
  firstHandshake,
  onAnyPort,
} from '../pair/tunnels.js';
import { printSkipped, type Stage, step } from './stage.js';
import { drawThroughput } from './view.js';

const PLANES: readonly DataPlaneKind[] = ['native', 'portable'];
const FLOOD_MS = 1500;

export interface PlanesDemo {
  readonly configs: { readonly client: Config; readonly server: Config };
  /** Of IPv4 addresses. */
  readonly pair: AddressPair;
  readonly options: EndOptions;
  readonly stage: Stage;
}

/** Tunnels of their own for each plane, which are down again afterwards. Throws when one does not work. */
export async function showPlanes(demo: PlanesDemo): Promise<void> {
  const wanted = process.env['WG_TS_DATAPLANE'];
  for (const kind of PLANES) {
    const name = `throughput, ${kind}`;
    if (wanted && wanted !== kind) {
      printSkipped(demo.stage, name, `left out, as WG_TS_DATAPLANE is ${wanted}`);
      continue;
    }
    const pair = await bringUpOrWhyNot(demo, kind);
    if (typeof pair === 'string') printSkipped(demo.stage, name, `left out: ${pair}`);
    else await showPlane(demo, name, pair);
  }
}

async function bringUpOrWhyNot(
  { configs: { client, server }, options }: PlanesDemo,
  kind: DataPlaneKind,
): Promise<DemoPair | string> {
  try {
    const configs = { client, server: onAnyPort(server) };
    return await bringUpPair(configs, { ...options, dataPlane: kind });
  } catch (error) {
    if (!(error instanceof WgTsError) || error.code !== 'ERR_UNSUPPORTED') throw error;
    return error.message;
  }
}

async function showPlane(
  { pair: addresses, options: { signal }, stage }: PlanesDemo,
  name: string,
  pair: DemoPair,
): Promise<void> {
  const samples: number[] = [];
  try {
    await step(stage, name, drawThroughput(name, samples, pair), signal, async () => {
      await firstHandshake(pair, signal);
      const { megabits, packets, lost } = await measureThroughput(
        [pair.client.host, pair.server.host],
        addresses,
        FLOOD_MS,
        signal,
        (sample) => samples.push(sample),
      );
      const losses = lost === 0 ? '' : `, ${lost} lost`;
      return `${megabits.toFixed(0)} Mbit/s, ${packets} packets verified${losses}`;
    });
  } finally {
    await pair.close();
  }
}
