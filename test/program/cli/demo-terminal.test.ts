/** The demo on a real terminal, which tmux makes. */
import { expect } from 'vitest';
import { labTest } from '../../netns/support/lab.js';
import { describeSystem } from '../../netns/support/requirements.js';
import { Terminal } from '../../netns/support/terminal.js';
import { CLI } from '../support.js';

/** High enough for all of it. */
const ROWS = 70;
const PATIENCE_MS = 240_000;
const DEMO = `${process.execPath} ${CLI} demo --no-root`;
const SPINNER = /^[⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏] /gm;
const GREEN = '\x1b[32m';

function spinnersIn(screen: string): number {
  return Array.from(screen.matchAll(SPINNER)).length;
}

describeSystem('wg-ts demo in a terminal', ['tmux'], () => {
  labTest(
    'is drawn in place, and leaves its lines there',
    { timeout: PATIENCE_MS },
    async ({ lab }) => {
      const terminal = await Terminal.open(lab, { columns: 80, rows: ROWS });
      await terminal.type('echo something before');
      await terminal.type(`${DEMO}; echo code $?`);
      const live = await terminal.shows(/^. throughput, portable.*[▁-█]{5} \d+ Mbit\/s$/ms);
      expect(spinnersIn(live)).toBe(1);
      expect(live).toMatch(/^ {2}server {2}127\.0\.0\.1:\d+ .* sent .* received {2}1 session$/m);
      expect(live).toMatch(/^ok {7}ping fd77::1: /m);
      expect(await terminal.shows(/^. rekey: the session is \d+ s old, .* pings back/m)).toMatch(
        /^ {2}[▁-█]{5,} [\d.]+ ms$/m,
      );
      await terminal.shows(/^. roaming: .* 2 sessions$/ms);
      const end = await terminal.shows(/^code \d+$/m);
      expect(end).toMatch(/^code 0$/m);
      expect(end).toContain('something before');
      expect(spinnersIn(end)).toBe(0);
      expect(end).not.toMatch(/[▁-█]/);
      const steps = Array.from(end.matchAll(/^(?:ok|skipped) +(\w+)/gm), ([, name]) => name);
      expect(steps.join(' ')).toBe(
        'tunnels handshake ping ping throughput throughput rekey roaming down',
      );
      expect((await terminal.lines('colors')).join('\n')).toContain(`${GREEN}ok`);
      expect(await terminal.isCursorShown()).toBe(true);
    },
  );

  labTest(
    'fits a narrow one without colours, and Ctrl-C ends it',
    { timeout: PATIENCE_MS },
    async ({ lab }) => {
      const terminal = await Terminal.open(lab, { columns: 40, rows: ROWS });
      await terminal.type(`NO_COLOR=1 ${DEMO}; echo code $?`);
      await terminal.shows(/^ok {7}ping fd77::1: /m);
      await terminal.shows(/^ok {7}throughput, portable: /m);
      // Late, so that rests of earlier frames would have come.
      const live = await terminal.shows(/^. rekey: the session is 1?\d\d s old/m);
      expect(spinnersIn(live)).toBe(1);
      expect(live).toMatch(/^ {2}server {2}127\.0\.0\.1:.*…$/m);
      expect((await terminal.lines('colors')).join('\n')).not.toContain('\x1b[');
      await terminal.press('C-c');
      const end = await terminal.shows(/^code \d+$/m);
      expect(end).toMatch(/^code 130$/m);
      expect(end).not.toMatch(/FAILED|error|roaming/);
      expect(spinnersIn(end)).toBe(0);
      expect(await terminal.isCursorShown()).toBe(true);
      await terminal.type('echo works on');
      await terminal.shows(/^works on$/m);
    },
  );
});
