/** A layer 3 network interface that exchanges raw IP packets, without any framing header. */
export interface Tun {
  /** Of the interface. */
  readonly name: string;
  /** By which Windows knows it; absent elsewhere. */
  readonly luid?: bigint;
  /**
   * Begins to deliver packets that the system sends into the interface. Each call brings a batch of
   * at least one packet; the buffers are the device's own and valid only until the call returns.
   * `onEnd` is for a device that can tell that no packet will come any more.
   */
  start(
    onPackets: (packets: readonly Uint8Array[]) => void,
    onError: (error: Error) => void,
    onEnd?: () => void,
  ): void;
  /** Hands a packet to the system. False when it was dropped (queue full, interface down). */
  write(packet: Uint8Array): boolean;
  /**
   * The device keeps the process alive no more; absent where it never does. A tunnel calls it after
   * `start`, since it keeps the process alive by itself.
   */
  unref?(): void;
  /** Idempotent; the interface is gone afterwards. */
  close(): void;
}

/**
 * The queues of an interface as descriptors, for a data plane that reads and writes them by itself.
 * They are non-blocking, and the interface's: closed by `close`, after that data plane has ended.
 */
export interface TunQueues {
  readonly name: string;
  readonly descriptors: readonly number[];
  /** Each read and write has a struct virtio_net_hdr of 10 bytes before the packet. */
  readonly vnetHeader: boolean;
  /** Whether the system takes joined packets of this kind. */
  readonly takesTcpSegments: boolean;
  readonly takesUdpSegments: boolean;
  /** Idempotent; the interface is gone afterwards. */
  close(): void;
}

/** The rings of a Wintun session, for a data plane that reads and writes them by itself. */
export interface TunRing {
  readonly name: string;
  readonly luid: bigint;
  /** Address at which wintun.dll is loaded (an HMODULE). */
  readonly module: bigint;
  /** The session (a WINTUN_SESSION_HANDLE), good until `restart` or `close`. */
  readonly session: bigint;
  /**
   * Ends the session, whose ring was found corrupt, and starts another one. Nobody may use the old
   * one any more when this is called. Throws TunError.
   */
  restart(): bigint;
  /** Idempotent; the interface is gone afterwards. */
  close(): void;
}
