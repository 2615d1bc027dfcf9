/** The parts of running tunnels that differ between systems. */

/** Identifies a process, even after another one got its number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** In a unit of the system. */
  readonly startTime: string;
}

export interface RuntimeSystem {
  /** The folder for the state of tunnels. */
  stateFolder(): string;
  /** Creates a folder that only root, or administrators, can write to. Throws WgTsError. */
  createFolder(folder: string): void;
  /**
   * The folder for logs that outlive their tunnel, as rings that cannot grow; undefined when logs are
   * files in the state folder.
   */
  readonly logFolder: (() => string) | undefined;
  /** Undefined when no process has this number, or it has ended. */
  startTime(pid: number): string | undefined;
  /**
   * Asks a tunnel to end, by the means of this system. Resolves to whether it will; if not, it has to be
   * killed.
   */
  askToEnd(name: string, target: ProcessIdentity): Promise<boolean>;
  /** Takes a lock that ends with the process; returns undefined while another process has it. */
  tryLock(file: string): (() => void) | undefined;
  /** Whether an interface of this name exists. */
  hasInterface(name: string): Promise<boolean>;
  /** Throws WgTsError ERR_NOT_ROOT; `command` is what was typed after the program's name. */
  requirePrivilege(verb: string, command: string): void;
  /** A command that lists the processes of Node.js, for the hint about a lock. */
  readonly listProcesses: string;
}
