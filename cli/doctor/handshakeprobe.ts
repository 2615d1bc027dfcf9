import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import type { Secret } from '../../crypto/secret.js';
import { fastestProviders } from '../../native/providers.js';
import type { Action, Endpoint } from '../../protocol/dataplane.js';
import { Device } from '../../protocol/device.js';
import { classifyHandshake } from '../../protocol/messages.js';
import { systemClock } from '../../system/clock.js';
import type { HandshakeFacts } from './facts.js';
import { isIpv6 } from './prefixes.js';

export interface HandshakeProbe {
  readonly privateKey: Secret;
  /** 32 bytes. */
  readonly peerPublicKey: Uint8Array;
  readonly presharedKey?: Secret;
  readonly endpoint: Endpoint;
  readonly signal?: AbortSignal;
  /** Milliseconds until it gives up: by default enough for two initiations, with the delay between them. */
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 6000;
const MESSAGE_RESPONSE = 2;

/**
 * Makes one real handshake, from a port of its own, without an interface. The peer sends to that port
 * from then on, so use it only for a tunnel that is not up. Never rejects.
 */
export async function probeHandshake(probe: HandshakeProbe): Promise<HandshakeFacts['state']> {
  const { endpoint, signal, timeoutMs = TIMEOUT_MS } = probe;
  const clock = systemClock();
  const env = { random: randomBytes, wallNanos: clock.wallNanos, crypto: fastestProviders() };
  const device = new Device({ privateKey: probe.privateKey }, env);
  const socket = createSocket(isIpv6(endpoint.address) ? 'udp6' : 'udp4');
  const talk = new Talk(device, socket, clock.now);
  try {
    return await talk.run(probe, timeoutMs, signal);
  } finally {
    device.close();
    talk.discard();
    socket.close();
  }
}

/** A device with only a socket: no packet ever follows the handshake. */
class Talk {
  readonly #device: Device;
  readonly #socket: Socket;
  readonly #now: () => number;
  #isComplete = false;
  #isAnswered = false;
  #isSent = false;

  constructor(device: Device, socket: Socket, now: () => number) {
    this.#device = device;
    this.#socket = socket;
    this.#now = now;
  }

  run(
    probe: HandshakeProbe,
    timeoutMs: number,
    signal: AbortSignal | undefined,
  ): Promise<HandshakeFacts['state']> {
    const { endpoint } = probe;
    return new Promise((resolve) => {
      const timer = setInterval(() => work(), 250);
      const settle = (): void => {
        clearInterval(timer);
        clearTimeout(end);
        resolve(this.#state());
      };
      const work = (): void => {
        this.#device.handleTimeout(this.#now());
        this.#drain();
        if (this.#isComplete) settle();
      };
      const end = setTimeout(settle, timeoutMs);
      signal?.addEventListener('abort', settle, { once: true });
      // A refusal does not end the probe: udpErrorOf reports it.
      this.#socket.on('error', () => undefined);
      this.#socket.on('message', (message) => {
        if (message[0] === MESSAGE_RESPONSE) this.#isAnswered = true;
        const messageType = classifyHandshake(message);
        if (messageType) {
          const event = { type: 'handshake', messageType, message, from: endpoint } as const;
          this.#device.handleEvent(this.#now(), event);
        }
        work();
      });
      this.#socket.connect(endpoint.port, endpoint.address, () => {
        if (signal?.aborted) return;
        this.#begin(probe);
        work();
      });
    });
  }

  #begin({ peerPublicKey, presharedKey, endpoint }: HandshakeProbe): void {
    const now = this.#now();
    this.#device.configure(now, {
      publicKey: peerPublicKey,
      endpoint,
      ...(presharedKey && { presharedKey }),
    });
    for (const { id } of this.#device.peers())
      this.#device.handleEvent(now, { type: 'needsHandshake', peer: id });
  }

  #drain(): void {
    for (let action = this.#device.pollAction(); action; action = this.#device.pollAction())
      this.#carryOut(action);
  }

  #carryOut(action: Action): void {
    if (action.type === 'installKeypair') {
      action.keypair.sendKey.zero();
      action.keypair.receiveKey.zero();
      this.#isComplete = true;
    } else if (action.type === 'sendHandshake') {
      this.#isSent = true;
      this.#socket.send(action.message, () => undefined);
    }
  }

  #state(): HandshakeFacts['state'] {
    if (this.#isComplete) return 'completed';
    if (this.#isAnswered) return 'rejected';
    return this.#isSent ? 'silence' : 'unsent';
  }

  /** Zeroes the keys that a closed device has not handed over. */
  discard(): void {
    this.#drain();
  }
}
