import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { claimName } from '../../cli/runtime/claim.js';
import { ownIdentity } from '../../cli/runtime/process.js';
import { StateFolder } from '../../cli/runtime/state.js';
import { stopTunnel } from '../../cli/runtime/stop.js';

/** No interface, no socket and no table has this name. */
const NAME = 'wgts-unit-kill';
const GONE = { ...ownIdentity(), startTime: '1' };
const KILL_SWITCH = { argv: ['nft', 'delete', 'table', 'inet', `wg-ts-kill-${NAME}`] };
const OTHER = { argv: ['true'] };

let folder: StateFolder;
beforeEach(() => {
  folder = new StateFolder(path.join(mkdtempSync(path.join(tmpdir(), 'wg-ts-state-')), 'run'));
  folder.create();
});
afterEach(() => rmSync(path.dirname(folder.path), { recursive: true, force: true }));

const leave = (...undo: readonly { argv: string[] }[]): void =>
  folder.write(NAME, { ...GONE, ready: true, undo });

describe('a kill switch of a process that is gone', () => {
  it('stays written down when another tunnel takes over that wants one', async () => {
    leave(KILL_SWITCH, OTHER);
    const claim = await claimName(NAME, { folder, keepKillSwitch: true });
    expect(claim.inheritsKillSwitch).toBe(true);
    expect(folder.read(NAME)).toMatchObject({ ...ownIdentity(), undo: [KILL_SWITCH] });
    claim.release();
    expect(folder.names()).toEqual([]);
  });

  it('is ended by a tunnel that wants none', async () => {
    leave(KILL_SWITCH, OTHER);
    const claim = await claimName(NAME, { folder });
    expect(claim.inheritsKillSwitch).toBe(false);
    expect(folder.read(NAME)?.undo).toEqual([]);
    claim.release();
  });

  it('is still there for down when the one that took over did not come up', async () => {
    leave(KILL_SWITCH);
    const claim = await claimName(NAME, { folder, keepKillSwitch: true });
    claim.record([KILL_SWITCH, OTHER]);
    claim.release({ keepKillSwitch: true });
    expect(folder.read(NAME)).toMatchObject({ ready: false, undo: [KILL_SWITCH] });
    leave(...(folder.read(NAME)?.undo ?? []).map(({ argv }) => ({ argv: [...argv] })));
    expect(await stopTunnel(NAME, { folder, onError: () => undefined })).toEqual([KILL_SWITCH]);
    expect(folder.names()).toEqual([]);
  });

  it('is kept after another program has taken the name', async () => {
    const taken = new StateFolder(folder.path);
    taken.write('lo', { ...GONE, ready: true, undo: [KILL_SWITCH, OTHER] });
    await expect(claimName('lo', { folder, keepKillSwitch: true })).rejects.toMatchObject({
      code: 'ERR_ALREADY_UP',
    });
    expect(folder.read('lo')).toMatchObject({ ...GONE, undo: [KILL_SWITCH] });
  });

  it('is not made up by a tunnel that never had one', async () => {
    const claim = await claimName(NAME, { folder, keepKillSwitch: true });
    claim.record([OTHER]);
    claim.release({ keepKillSwitch: true });
    expect(folder.names()).toEqual([]);
  });
});
