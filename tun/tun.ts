/** A layer 3 network interface that exchanges raw IP packets, without any framing header. */
export interface Tun {
  /** The interface's name. */
  readonly name: string;
  /** The LUID of the interface on Windows; absent elsewhere. */
  readonly luid?: bigint;
  /**
   * Starts delivering packets that the system sends into the interface. Each call of `onPackets` has a
   * batch of at least one packet; the buffers belong to the device and are valid only until the call
   * returns. `onEnd` is for a device that can detect that no packet will come any more.
   */
  start(
    onPackets: (packets: readonly Uint8Array[]) => void,
    onError: (error: Error) => void,
    onEnd?: () => void,
  ): void;
  /** Passes a packet to the system. Returns false when it was dropped (queue full, interface down). */
  write(packet: Uint8Array): boolean;
  /**
   * Lets the process end although the device is open; absent where the device never keeps it alive. A
   * tunnel calls it after `start`, since it has its own handle that keeps the process alive.
   */
  unref?(): void;
  /** Removes the interface. Idempotent. */
  close(): void;
}

/**
 * The queues of an interface as descriptors, for a data plane that reads and writes them itself. They
 * are non-blocking and belong to the interface: `close` closes them, after that data plane has ended.
 */
export interface TunQueues {
  readonly name: string;
  readonly descriptors: readonly number[];
  /** Each read and write has a struct virtio_net_hdr of 10 bytes before the packet. */
  readonly vnetHeader: boolean;
  /** Whether the system takes joined packets of this kind. */
  readonly takesTcpSegments: boolean;
  readonly takesUdpSegments: boolean;
  /** Removes the interface. Idempotent. */
  close(): void;
}

/** The rings of a Wintun session, for a data plane that reads and writes them itself. */
export interface TunRing {
  readonly name: string;
  readonly luid: bigint;
  /** Address at which wintun.dll is loaded (an HMODULE). */
  readonly module: bigint;
  /** The session (a WINTUN_SESSION_HANDLE), valid until `restart` or `close`. */
  readonly session: bigint;
  /**
   * Ends the session, whose ring was found corrupt, and starts another one. The old one must not be in
   * use any more when this is called. Throws TunError.
   */
  restart(): bigint;
  /** Removes the interface. Idempotent. */
  close(): void;
}
