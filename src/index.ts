/** The public API of wg-ts: bring up WireGuard tunnels from a program. */

export type { CryptoNames } from '../crypto/providers.js';
export { Secret } from '../crypto/secret.js';
export { NetConfigError, TunError } from '../tun/errors.js';
export { MemoryTun, memoryTunPair } from '../tun/memory.js';
export type {
  Command,
  InterfaceSettings,
  NetConfig,
  NetPlan,
  NetStep,
} from '../tun/netconfig.js';
export type { Tun } from '../tun/tun.js';
export type { Clock } from './clock.js';
export { systemClock } from './clock.js';
export { formatConfig } from './config/format.js';
export { decodeKey, encodeKey } from './config/key.js';
export type { Config, EndpointConfig, InterfaceConfig, PeerConfig } from './config/model.js';
export { type ConfigWarning, type ParsedConfig, parseConfig } from './config/parse.js';
export { ConfigError, type ConfigProblem, type ErrorCode, WgTsError } from './errors.js';
export { generatePresharedKey, generatePrivateKey, publicKeyOf } from './keys.js';
export { defaultLogger, type Logger } from './logger.js';
export type {
  MetricsAddress,
  MetricsOptions,
  MetricsServer,
  MetricsSource,
} from './metrics/model.js';
export { serveMetrics } from './metrics/serve.js';
export type { DataPlaneKind } from './planechoice.js';
export type { Resolver } from './resolve.js';
export { packageVersion } from './runtime/packageversion.js';
export {
  type PeerStatus,
  type StatusSource,
  Tunnel,
  type TunnelOptions,
  type TunnelStatus,
  type UndoJournal,
} from './tunnel.js';
export { UdpError } from './udp.js';
export { type Versions, versions } from './version.js';
