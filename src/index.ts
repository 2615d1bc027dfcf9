/**
 * The public API of wg-ts: bring up WireGuard tunnels from a program.
 *
 * @module wg-ts
 */

export type { CryptoNames } from '../crypto/providers.js';
export { Secret } from '../crypto/secret.js';
export { NetConfigError, type NetConfigErrorCode } from '../network/errors.js';
export type { Endpoint, Millis } from '../protocol/dataplane.js';
export type { IpPrefix } from '../protocol/ip.js';
export { type Clock, type Scheduled, systemClock } from '../system/clock.js';
export { type ErrorCode, type ErrorDetails, WgTsError } from '../system/errors.js';
export { TunError, type TunErrorCode } from '../tun/errors.js';
export { MemoryTun, type MemoryTunOptions, memoryTunPair } from '../tun/memory.js';
export { packetStream } from '../tun/stream/packetstream.js';
export {
  type PacketStream,
  type StreamTun,
  type TunFromStreamOptions,
  tunFromStream,
} from '../tun/stream/streamtun.js';
export type { Tun } from '../tun/tun.js';
export type { OwnTransport } from '../udp/own.js';
export {
  UdpError,
  type UdpErrorCode,
  type UdpHandlers,
  type UdpOptions,
  type UdpTransport,
} from '../udp/transport.js';
export { ConfigError, type ConfigProblem } from './config/errors.js';
export { formatConfig } from './config/format.js';
export { decodeKey, encodeKey } from './config/key.js';
export type {
  Config,
  EndpointConfig,
  ExcludedIp,
  InterfaceConfig,
  PeerConfig,
} from './config/model.js';
export type { ConfigWarning, ParsedConfig } from './config/parse.js';
export { parseConfig } from './config/parse.js';
export type { Resolver } from './control/endpoints/resolve.js';
export type { PeerStatus, TunnelStatus } from './control/status.js';
export type { DataPlaneKind, PlaneOptions } from './dataplane/choice.js';
export {
  type AnyWgTsError,
  type CommandLineErrorCode,
  isWgTsError,
  type WgTsErrorCode,
} from './errorcodes.js';
export { generatePresharedKey, generatePrivateKey, publicKeyOf } from './keys.js';
export { defaultLogger, type Logger } from './logger.js';
export type {
  MetricsAddress,
  MetricsOptions,
  MetricsServer,
  MetricsSource,
} from './metrics/model.js';
export { serveMetrics } from './metrics/serve.js';
export { packageVersion } from './packageversion.js';
export type { WaitOptions } from './tunnel/changes.js';
export { type ConnectOptions, connect } from './tunnel/connect.js';
export type {
  EndpointEvent,
  HandshakeEvent,
  TransferEvent,
  TunnelEvents,
  TunnelState,
} from './tunnel/events.js';
export type { TunnelOptions } from './tunnel/options.js';
export type { PeerOptions } from './tunnel/peeroptions.js';
export type { HandshakeOptions, TunnelStats } from './tunnel/tunnel.js';
export { Tunnel } from './tunnel/tunnel.js';
export { ChangeError, type UapiChange, type UapiPeerChange } from './uapi/change.js';
export type { UapiDevice, UapiPeer } from './uapi/codec.js';
export { type Versions, versions } from './version.js';
