/**
 * The WireGuard protocol without IO, for programs that bring their own sockets, devices and clocks.
 *
 * @module wg-ts/protocol
 */

export type { AeadKey, AeadProvider } from '../crypto/aead.js';
export type { CryptoProviders } from '../crypto/providers.js';
export { Secret } from '../crypto/secret.js';
export type { X25519 } from '../crypto/x25519.js';
export type {
  Action,
  AllowedIpsChange,
  DataPlane,
  DataPlaneEvent,
  Endpoint,
  Millis,
  PeerId,
  Transfer,
  TransportKeypair,
} from './dataplane.js';
export {
  Device,
  type DeviceEnv,
  type DevicePeerPlace,
  type DevicePeerStatus,
  type PeerChange,
} from './device.js';
export {
  formatIp,
  formatPrefix,
  type IpPrefix,
  maskPrefix,
  parseIp,
  parsePrefix,
} from './ip.js';
export { Transport, type TransportSink } from './transport.js';
