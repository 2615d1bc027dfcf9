import { describe, expect, it } from 'vitest';
import {
  checkClock,
  checkCrashed,
  checkMachine,
  checkPrivileges,
  checkPrograms,
  checkTun,
} from '../../cli/doctor/machine.js';
import { machineWith, told } from './facts.js';

const NOW = Date.UTC(2026, 5, 1);
const DAY = 86_400_000;

describe('the clock', () => {
  it.each([
    ['ok', NOW, true, []],
    ['ok', NOW, undefined, [NOW - DAY, NOW + 60_000]],
    ['warning', NOW, false, []],
    ['problem', Date.UTC(1970, 0, 1), undefined, []],
    ['problem', Date.UTC(2080, 0, 1), true, []],
    ['problem', NOW, true, [NOW + 3 * DAY]],
  ] as const)('is %s at %d', (state, now, isClockSynchronised, witnesses) => {
    const facts = { now, ...(isClockSynchronised !== undefined && { isClockSynchronised }) };
    expect(checkClock(facts, witnesses).state).toBe(state);
  });

  it('reports by how much it went back, and why that matters', () => {
    const { detail, hint } = checkClock({ now: NOW }, [NOW + 3 * DAY]);
    expect(detail).toMatch(/3 days before a time already past: a peer refuses handshakes/);
    expect(hint).toContain('timedatectl set-ntp true');
  });
});

describe('the machine', () => {
  it('is fine with all it needs', () => {
    expect(checkMachine(machineWith()).map(({ state }) => state)).toEqual(['ok', 'ok', 'ok', 'ok']);
  });

  it('needs a TUN device, which only root can check for', () => {
    expect(told(checkTun(machineWith({ hasTun: false })))).toEqual([
      'problem: there is no /dev/net/tun, or it cannot be opened',
    ]);
    expect(checkTun(machineWith({ hasTun: false, isPrivileged: false }))[0]?.state).toBe('skipped');
  });

  it('says who may check', () => {
    expect(checkPrivileges(machineWith({ isPrivileged: false })).state).toBe('warning');
  });

  it.each([
    [['ip', 'iptables', 'ping'], ['ok']],
    [['nft', 'ping'], ['problem']],
    [['ip'], ['warning', 'warning']],
  ])('with the programs %s', (programs, states) => {
    const outcomes = checkPrograms(machineWith({ programs: new Set(programs) }));
    expect(outcomes.map(({ state }) => state)).toEqual(states);
  });

  it('takes a crashed tunnel for the problem only where it is meant', () => {
    const machine = machineWith({ crashedTunnels: ['office'] });
    expect(checkCrashed(machine).map(({ state }) => state)).toEqual(['problem']);
    expect(checkCrashed(machine, ['office'])[0]).toMatchObject({
      state: 'problem',
      hint: 'sudo wg-ts down office',
    });
    expect(checkCrashed(machine, ['home'])[0]?.state).toBe('warning');
  });
});
