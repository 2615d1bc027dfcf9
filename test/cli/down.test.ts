import { expect, it } from 'vitest';
import { commandLine } from '../../cli/verbs/down.js';
import { hookCommand } from '../../system/shell.js';

it('shows a hook as it stands in the file, and a program with its arguments', () => {
  const hook = 'iptables -D FORWARD -i %i -j ACCEPT; true';
  expect(commandLine(hookCommand(hook, 'office'))).toBe(hook.replace('%i', 'office'));
  expect(commandLine(['ip', '-4', 'rule', 'delete', 'priority', '9'])).toBe(
    'ip -4 rule delete priority 9',
  );
});
