/** A layer 3 network interface that exchanges raw IP packets, without any framing header. */
export interface Tun {
  readonly name: string;
  /**
   * Begins to deliver packets that the system sends into the interface. Each call brings a batch of
   * at least one packet; the buffers are the device's own and valid only until the call returns.
   */
  start(onPackets: (packets: readonly Uint8Array[]) => void, onError: (error: Error) => void): void;
  /** Hands a packet to the system. False when it was dropped (queue full, interface down). */
  write(packet: Uint8Array): boolean;
  /** Idempotent; the interface is gone afterwards. */
  close(): void;
}
