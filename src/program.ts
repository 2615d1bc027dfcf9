/** What the command line takes of the library beyond the public API. */
import type { Config } from './config/model.js';
import { type ConnectOptions, connectWith } from './tunnel/connect.js';
import type { ProgramOptions } from './tunnel/programoptions.js';
import type { Tunnel } from './tunnel/tunnel.js';

export type { NetConfig } from '../network/netconfig.js';
export type { UndoJournal } from './journal.js';
export { loadedLogger } from './logger.js';
export type { StatusSource } from './tunnel/options.js';
export type { ProgramOptions } from './tunnel/programoptions.js';
export { UndoStack } from './undo.js';

/** All that a tunnel can be brought up with. */
export interface ConnectProgramOptions extends ConnectOptions, ProgramOptions {}

/** As `connect` of the public API, which leaves `ProgramOptions` out of account. */
export function connectProgram(
  config: Config | string,
  options: ConnectProgramOptions = {},
): Promise<Tunnel> {
  return connectWith(config, options, options);
}
