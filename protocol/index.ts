/** The WireGuard protocol without IO, for those who bring sockets, devices and clocks of their own. */

export { Secret } from '../crypto/secret.js';
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
export { Device, type DeviceEnv, type DevicePeerStatus, type PeerChange } from './device.js';
export {
  formatIp,
  formatPrefix,
  type IpPrefix,
  maskPrefix,
  parseIp,
  parsePrefix,
} from './ip.js';
export { Transport, type TransportSink } from './transport.js';
