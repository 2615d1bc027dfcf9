import { describe, expect, it, vi } from 'vitest';
import { encodeKey } from '../../src/config/key.js';
import { handshakeLog } from '../../src/control/handshakelog.js';
import type { Logger } from '../../src/logger.js';
import { connect, MINUTE, pair } from '../support/pair.js';

describe('what the log says about handshakes', () => {
  it('is who, where and what, and no key but the public one', () => {
    const net = pair({ presharedKey: new Uint8Array(32).fill(3) });
    const { network, a, b } = net;
    connect(net);
    b.accepts = () => false;
    network.run(4 * MINUTE);
    a.send(b, 'into the void');
    network.run(2 * MINUTE);
    const debug = vi.fn<Logger['debug']>();
    const logger = { debug, info: vi.fn(), warn: vi.fn(), error: vi.fn() };
    const tell = handshakeLog(a.device, logger);
    for (const action of a.actions) tell(action);
    const lines = debug.mock.calls.map(([line]) => line);
    const peer = `peer(${encodeKey(b.device.publicKey).slice(0, 8)}…)`;
    const where = `${b.endpoint.address}:${b.endpoint.port}`;
    expect(lines.slice(0, 3)).toEqual([
      `${peer}: sending handshake initiation to ${where}`,
      `${peer}: received handshake message from ${where}`,
      `${peer}: new keypair as initiator`,
    ]);
    expect(lines).toContain(
      `${peer}: handshake did not complete: giving up until there is traffic`,
    );
    for (const line of lines) expect(line).toMatch(/^peer\(.{8}…\): [a-z0-9 .:()]+$/);
  });
});
