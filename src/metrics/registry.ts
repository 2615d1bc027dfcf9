import { Counter, Gauge, Registry } from 'prom-client';
import type { PeerStatus, TunnelStatus } from '../control/status.js';
import { packageVersion } from '../packageversion.js';
import { registerProcessMetrics } from './process.js';

/** The state that one scrape reports. */
export interface Observed {
  readonly status: TunnelStatus;
  readonly isHealthy: boolean;
}

export interface TunnelMetrics {
  readonly contentType: string;
  /** Resolves to the text format of Prometheus. */
  text(): Promise<string>;
  close(): void;
}

const NANOS = 1_000_000_000n;
/** Names and labels are those of prometheus_wireguard_exporter, so that its dashboards work. */
const PEER_LABELS = ['interface', 'public_key', 'allowed_ips'] as const;

/** `observe` is called once per scrape. */
export function createMetrics(observe: () => Observed): TunnelMetrics {
  const registry = new Registry();
  // All values of a scrape come from the same moment.
  let seen: Observed | undefined;
  const current = (): Observed => {
    seen ??= observe();
    return seen;
  };
  registerPeers(registry, () => current().status);
  registerTunnel(registry, current);
  const endProcessMetrics = registerProcessMetrics(registry);
  return {
    contentType: registry.contentType,
    async text() {
      seen = undefined;
      return await registry.metrics();
    },
    close() {
      endProcessMetrics();
      registry.clear();
    },
  };
}

function registerPeers(registry: Registry, status: () => TunnelStatus): void {
  const counter = (name: string, help: string, value: (peer: PeerStatus) => number): void => {
    new Counter({
      name,
      help,
      labelNames: PEER_LABELS,
      registers: [registry],
      collect() {
        this.reset();
        for (const peer of status().peers) this.inc(labelsOf(status().name, peer), value(peer));
      },
    });
  };
  counter('wireguard_sent_bytes_total', 'Bytes sent to the peer.', (peer) => Number(peer.txBytes));
  counter('wireguard_received_bytes_total', 'Bytes received from the peer.', (peer) =>
    Number(peer.rxBytes),
  );
  new Gauge({
    name: 'wireguard_latest_handshake_seconds',
    help: 'Unix time of the latest handshake with the peer, 0 for never.',
    labelNames: PEER_LABELS,
    registers: [registry],
    collect() {
      this.reset();
      for (const peer of status().peers)
        this.set(labelsOf(status().name, peer), Number(peer.latestHandshake / NANOS));
    },
  });
}

function labelsOf(name: string, peer: PeerStatus): Record<(typeof PEER_LABELS)[number], string> {
  return { interface: name, public_key: peer.publicKey, allowed_ips: peer.allowedIps.join(',') };
}

function registerTunnel(registry: Registry, current: () => Observed): void {
  const registers = [registry];
  new Gauge({
    name: 'wg_ts_tunnel_info',
    help: 'Always 1: which program and data plane serve the interface.',
    labelNames: ['interface', 'data_plane', 'version'],
    registers,
    collect() {
      const { name, dataPlane } = current().status;
      this.reset();
      this.set({ interface: name, data_plane: dataPlane, version: packageVersion() }, 1);
    },
  });
  new Gauge({
    name: 'wg_ts_tunnel_up',
    help: '1 when every peer that should have a fresh handshake has one, as in /healthz.',
    labelNames: ['interface'],
    registers,
    collect() {
      const { status, isHealthy } = current();
      this.reset();
      this.set({ interface: status.name }, isHealthy ? 1 : 0);
    },
  });
  new Gauge({
    name: 'wg_ts_tunnel_mtu_bytes',
    help: 'The MTU of the interface.',
    labelNames: ['interface'],
    registers,
    collect() {
      const { name, mtu } = current().status;
      this.reset();
      this.set({ interface: name }, mtu);
    },
  });
}
