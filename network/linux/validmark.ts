/**
 * net.ipv4.conf.all.src_valid_mark, which a default route needs: without it, strict reverse path filtering
 * (RFC 3704) looks for the way back without the mark, which leads into the tunnel, and drops the server's replies.
 */
import type { Runner, System } from '../../system/commands.js';
import { NetConfigError } from '../errors.js';
import type { PlannedStep } from './step.js';

const CONF = '/proc/sys/net/ipv4/conf';
const FILE = `${CONF}/all/src_valid_mark`;
const SETTING = 'net.ipv4.conf.all.src_valid_mark=1';
const ARGV = ['sysctl', '-q', SETTING] as const;
const STRICT = 1;

export interface ValidMark {
  readonly isOn: boolean;
  /** Why it cannot be changed, such as EROFS in a container. */
  readonly refused?: string;
  /** Interfaces whose reverse path filtering is strict. */
  readonly strict: readonly string[];
}

/** Changes nothing: writes the value that is there, to find out whether another could be written. */
export async function readValidMark(
  { read, write }: Pick<System, 'read' | 'write'>,
  interfaces: readonly string[],
): Promise<ValidMark> {
  const value = (await read(FILE))?.trim();
  if (value === '1') return { isOn: true, strict: [] };
  const refused = value === undefined ? undefined : await write(FILE, value);
  if (refused === undefined) return { isOn: false, strict: [] };
  const filterOf = async (name: string): Promise<number> =>
    Number((await read(`${CONF}/${name}/rp_filter`)) ?? 0);
  const all = await filterOf('all');
  const strict: string[] = [];
  // The greater value applies, and 2 is loose.
  for (const name of interfaces)
    if (name !== 'lo' && Math.max(all, await filterOf(name)) === STRICT) strict.push(name);
  return { isOn: false, refused, strict };
}

/**
 * It is not reset afterwards, as in wg-quick(8): another tunnel may need it by then. Throws NetConfigError where
 * it is needed and cannot be changed.
 */
export function planValidMark({ isOn, refused, strict }: ValidMark): {
  steps: PlannedStep[];
  warnings: string[];
} {
  if (isOn) return { steps: [], warnings: [] };
  if (refused === undefined)
    return { steps: [{ command: { argv: ARGV }, undo: [] }], warnings: [] };
  if (strict.length === 0)
    return {
      steps: [],
      warnings: [
        `${SETTING} cannot be set (${refused}): it will be missing if reverse path filtering becomes strict`,
      ],
    };
  throw new NetConfigError(
    'ERR_NETCONFIG',
    ARGV.join(' '),
    `${refused}, and ${strict.join(', ')} would drop the server's replies: reverse path filtering is strict there`,
    { hint: `set it outside: docker run --sysctl ${SETTING}, or sysctl -w ${SETTING} on the host` },
  );
}

/** Returns a runner that sets it without the program sysctl, and gives all other commands to `run`. */
export function withValidMark(run: Runner, write: System['write']): Runner {
  return async (command) => {
    if (command.argv.join(' ') !== ARGV.join(' ')) return await run(command);
    const refused = await write(FILE, '1');
    return { status: refused === undefined ? 0 : 1, stdout: '', stderr: refused ?? '' };
  };
}
