/**
 * Changes of /etc/resolv.conf in the form of commands, so that they can be recorded and undone by a later
 * process like those of other programs. They are carried out by this program itself.
 */
import type { Command, Runner } from '../../../system/commands.js';
import { messageOf } from '../../../system/errors.js';
import type { PlannedStep } from '../step.js';
import type { DnsEntry } from './document.js';
import type { ResolvConf } from './resolvconf.js';

/** No program has such a name; the rest reads as what is done. */
const PROGRAM = '/etc/resolv.conf:';

export interface AddOptions {
  /** Another program is to have set the servers: adds them only if the file does not lead to them. */
  readonly ifMissing?: boolean;
}

export function addStep(entry: DnsEntry, { ifMissing = false }: AddOptions = {}): PlannedStep {
  const { name, servers, search } = entry;
  const lines = servers.map((server) => `nameserver ${server}\n`);
  if (search.length > 0) lines.push(`search ${search.join(' ')}\n`);
  const argv = [PROGRAM, 'add', name, ...(ifMissing ? ['if', 'missing'] : [])];
  return { command: { argv, stdin: lines.join('') }, undo: [removeCommand(name)] };
}

export function removeCommand(name: string): Command {
  return { argv: [PROGRAM, 'remove', name] };
}

/** Returns a runner that carries out these commands itself, and gives all others to `run`. */
export function withResolvConf(run: Runner, file: ResolvConf): Runner {
  return async (command) => {
    if (command.argv[0] !== PROGRAM) return await run(command);
    try {
      await carryOut(command, file);
      return { status: 0, stdout: '', stderr: '' };
    } catch (error) {
      return { status: 1, stdout: '', stderr: messageOf(error) };
    }
  };
}

async function carryOut({ argv, stdin = '' }: Command, file: ResolvConf): Promise<void> {
  const [, verb, name = '', ...more] = argv;
  if (verb === 'remove') return await file.remove(name);
  const words = stdin.split('\n').map((line) => line.split(' '));
  const entry: DnsEntry = {
    name,
    servers: words.filter(([key]) => key === 'nameserver').flatMap(([, ...rest]) => rest),
    search: words.filter(([key]) => key === 'search').flatMap(([, ...rest]) => rest),
  };
  if (more.length > 0 && file.asksFor(entry.servers)) return;
  await file.add(entry);
}
