/** What the command line takes of the library beyond the public API. */
import type { Config } from './config/model.js';
import type { ConnectOptions } from './tunnel/connect.js';
import type { ProgramOptions } from './tunnel/programoptions.js';
import type { Tunnel } from './tunnel/tunnel.js';

export { MAX_WORKERS } from '../native/layout.js';
export type { NetConfig } from '../network/netconfig.js';
export type { UndoJournal } from './journal.js';
export { loadedLogger } from './logger.js';
export type { ProgramOptions, StatusSource } from './tunnel/programoptions.js';
export { UndoStack } from './undo.js';

/** All that a tunnel can be brought up with. */
export interface ConnectProgramOptions extends ConnectOptions, ProgramOptions {}

/** As `connect` of the public API, which leaves `ProgramOptions` out of account. */
export async function connectProgram(
  config: Config | string,
  options: ConnectProgramOptions = {},
): Promise<Tunnel> {
  // Not before: the command line takes other things from here for its `--help`.
  const { connectWith } = await import('./tunnel/connect.js');
  return await connectWith(config, options, options);
}
