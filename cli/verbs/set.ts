import type { Command } from 'commander';
import { note } from '../output.js';
import { resolutionRetries } from '../wg/retries.js';
import { wgVerb } from '../wg/verb.js';

export const setCommand: Command = wgVerb({
  verb: 'set',
  usage:
    '<INTERFACE> [listen-port PORT] [fwmark MARK] [private-key FILE] [peer KEY [remove] [preshared-key FILE] [endpoint HOST:PORT] [persistent-keepalive SECONDS] [allowed-ips [+|-]NETWORK,...]]...',
  summary: 'change a running interface',
  description:
    'Changes a running interface, of wg-ts or of another program that wg(8) can change. Settings that are not given stay unchanged.',
  help: `
FILE holds a key; - is stdin, and an empty file such as /dev/null removes the key. allowed-ips replaces
the list; a network with + or - before it is added to the list or removed from it.

Examples:
  sudo wg-ts set office peer KEY endpoint vpn.example.com:51820 persistent-keepalive 25
  sudo wg-ts set office peer KEY allowed-ips +10.1.0.0/16,-10.2.0.0/16
  sudo wg-ts set office peer KEY remove`,
  count: [2, Number.POSITIVE_INFINITY],
  run: async ([name = '', ...args]) => {
    const [
      { parseSetArgs },
      { readKeyFile },
      { resolveChange },
      { zeroChange },
      { changeInterface },
    ] = await Promise.all([
      import('../wg/setargs.js'),
      import('../wg/keyfile.js'),
      import('../wg/change.js'),
      import('../../src/uapi/set.js'),
      import('../wg/interfaces.js'),
    ]);
    const parsed = parseSetArgs(args, readKeyFile);
    try {
      const options = { ...resolutionRetries(), onRetry: note };
      await changeInterface(name, await resolveChange(parsed, options));
    } finally {
      zeroChange(parsed.change);
    }
  },
});
