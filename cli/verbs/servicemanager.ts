/** What wg-ts service asks of the system that keeps services. */
import type { Target } from '../target.js';
import type { ServiceSettings } from '../upoptions.js';

export interface InstallOptions extends ServiceSettings {
  readonly start: boolean;
}

export interface ServiceReport {
  readonly name: string;
  readonly state: string;
  /** 0 when it does not run. */
  readonly pid: number;
}

/** What keeps tunnels up on this system. All throw WgTsError. */
export interface ServiceManager {
  install(target: Target, options: InstallOptions): Promise<void>;
  uninstall(name: string): Promise<void>;
  start(name: string): Promise<void>;
  stop(name: string): Promise<void>;
  list(): Promise<readonly ServiceReport[]>;
  /** Prints what the system says, and answers the exit code. Absent: it says no more than `list`. */
  status?(name: string): Promise<number>;
}
