/** What wg-ts service needs from the system's service manager. */
import type { Target } from '../target.js';
import type { ServiceSettings } from '../upoptions.js';

export interface InstallOptions extends ServiceSettings {
  readonly start: boolean;
}

export interface ServiceReport {
  readonly name: string;
  readonly state: string;
  /** 0 when the service is not running. */
  readonly pid: number;
}

/** The service manager of this system. All methods throw WgTsError. */
export interface ServiceManager {
  install(target: Target, options: InstallOptions): Promise<void>;
  uninstall(name: string): Promise<void>;
  start(name: string): Promise<void>;
  stop(name: string): Promise<void>;
  list(): Promise<readonly ServiceReport[]>;
  /** Prints the system's report, and resolves to the exit code. Absent when it has no more than `list`. */
  status?(name: string): Promise<number>;
}
