import type { Action, PeerId } from '../../protocol/dataplane.js';
import type { Device } from '../../protocol/device.js';
import { MessageType } from '../../protocol/messages.js';
import { formatDeviceEndpoint } from '../config/format.js';
import { encodeKey } from '../config/key.js';
import type { Logger } from '../logger.js';

/** For `Driver.observe`: logs handshakes as wireguard-go does, without secrets. */
export function handshakeLog(device: Device, logger: Logger): (action: Action) => void {
  const say = (id: PeerId, what: string): void => logger.debug(`${nameOf(device, id)}: ${what}`);
  return (action) => {
    switch (action.type) {
      case 'sendHandshake':
        say(
          action.peer,
          action.message[0] === MessageType.initiation
            ? `sending handshake initiation to ${whereIs(device, action.peer)}`
            : 'sending handshake response',
        );
        return;
      case 'handshakeAuthenticated':
        say(action.peer, `received handshake message from ${formatDeviceEndpoint(action.from)}`);
        return;
      case 'installKeypair':
        say(
          action.peer,
          `new keypair as ${action.keypair.isInitiator ? 'initiator' : 'responder'}`,
        );
        return;
      case 'dropKeypairs':
        say(action.peer, 'keypairs dropped');
        return;
      case 'dropStaged':
        say(action.peer, 'handshake did not complete: giving up until there is traffic');
        return;
    }
  };
}

function nameOf(device: Device, id: PeerId): string {
  const peer = device.peer(id);
  return peer ? `peer(${encodeKey(peer.publicKey).slice(0, 8)}…)` : `peer ${id}`;
}

function whereIs(device: Device, id: PeerId): string {
  const endpoint = device.peer(id)?.endpoint;
  return endpoint ? formatDeviceEndpoint(endpoint) : 'nowhere';
}
