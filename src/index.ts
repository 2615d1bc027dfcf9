/**
 * The public API of wg-ts: bring up WireGuard tunnels from a program.
 *
 * @module wg-ts
 */

export type { CryptoNames } from '../crypto/providers.js';
export { Secret } from '../crypto/secret.js';
export type { Endpoint, Millis } from '../protocol/dataplane.js';
export type { IpPrefix } from '../protocol/ip.js';
export {
  NetConfigError,
  type NetConfigErrorCode,
  TunError,
  type TunErrorCode,
} from '../tun/errors.js';
export { MemoryTun, type MemoryTunOptions, memoryTunPair } from '../tun/memory.js';
export type {
  Command,
  InterfaceSettings,
  KillSwitchSettings,
  NetConfig,
  NetListener,
  NetPlan,
  NetStep,
  NetWatch,
} from '../tun/netconfig.js';
export type { Tun } from '../tun/tun.js';
export { type Clock, type Scheduled, systemClock } from './clock.js';
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
export { type ConnectOptions, connect } from './connect.js';
export type { OwnTransport } from './embed/owntransport.js';
export { packetStream } from './embed/packetstream.js';
export {
  type PacketStream,
  type StreamTun,
  type TunFromStreamOptions,
  tunFromStream,
} from './embed/streamtun.js';
export {
  type AnyWgTsError,
  type CommandLineErrorCode,
  isWgTsError,
  type WgTsErrorCode,
} from './errorcodes.js';
export {
  ConfigError,
  type ConfigProblem,
  type ErrorCode,
  type ErrorDetails,
  WgTsError,
} from './errors.js';
export type { UndoJournal } from './journal.js';
export { generatePresharedKey, generatePrivateKey, publicKeyOf } from './keys.js';
export { ChangeError } from './livechanges.js';
export { defaultLogger, type Logger } from './logger.js';
export type {
  MetricsAddress,
  MetricsOptions,
  MetricsServer,
  MetricsSource,
} from './metrics/model.js';
export { serveMetrics } from './metrics/serve.js';
export type { PeerOptions } from './peeroptions.js';
export type { DataPlaneKind, PlaneOptions } from './planechoice.js';
export type { Resolver } from './resolve.js';
export { packageVersion } from './runtime/packageversion.js';
export type { PeerStatus, TunnelStatus } from './status.js';
export type { HandshakeOptions, TunnelStats } from './tunnel.js';
export { Tunnel } from './tunnel.js';
export type {
  EndpointEvent,
  HandshakeEvent,
  TransferEvent,
  TunnelEvents,
  TunnelState,
} from './tunnelevents.js';
export type { StatusSource, TunnelOptions } from './tunneloptions.js';
export type { WaitOptions } from './tunnelpeers.js';
export type { UapiChange, UapiPeerChange } from './uapi/change.js';
export type { UapiDevice, UapiPeer } from './uapi/codec.js';
export {
  UdpError,
  type UdpErrorCode,
  type UdpHandlers,
  type UdpOptions,
  type UdpTransport,
} from './udp-transport.js';
export { type Versions, versions } from './version.js';
