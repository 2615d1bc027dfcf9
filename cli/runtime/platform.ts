/** What of running tunnels each system does in its own way. */

/** A process that cannot be mistaken for a later one with the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In units of the system's own. */
  readonly startTime: string;
}

export interface RuntimeSystem {
  /** Where the state of tunnels is kept. */
  stateFolder(): string;
  /** Makes a folder that nobody but root, or administrators, can write to. Throws WgTsError. */
  createFolder(folder: string): void;
  /**
   * Where a log outlives its tunnel, as a ring that cannot grow; undefined: it is a file of the state
   * folder.
   */
  readonly logFolder: (() => string) | undefined;
  /** Undefined when no process has this number, or it has ended. */
  startTime(pid: number): string | undefined;
  /**
   * Asks a tunnel to end, by whatever way this system has. Answers whether it will: else it has to
   * be killed.
   */
  askToEnd(name: string, target: ProcessIdentity): Promise<boolean>;
  /** A lock that ends with the process; undefined while another has it. */
  tryLock(file: string): (() => void) | undefined;
  /** Whether somebody has an interface of this name. */
  hasInterface(name: string): Promise<boolean>;
  /** Throws WgTsError ERR_NOT_ROOT; `command` is what to type after the program's name. */
  requirePrivilege(verb: string, command: string): void;
  /** Shows who is busy, for the hint about a lock. */
  readonly listProcesses: string;
}
