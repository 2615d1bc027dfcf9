/** The part of the library that the command line uses beyond the public API. */
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

/** All options of a tunnel. */
export interface ConnectProgramOptions extends ConnectOptions, ProgramOptions {}

/** Like `connect` of the public API, which ignores `ProgramOptions`. */
export async function connectProgram(
  config: Config | string,
  options: ConnectProgramOptions = {},
): Promise<Tunnel> {
  // Loaded late: the command line imports other things from here for its `--help`.
  const { connectWith } = await import('./tunnel/connect.js');
  return await connectWith(config, options, options);
}
