import { expect, it } from 'vitest';
import { type OpenSockets, type PlaneSockets, ReplaceableSockets } from '../../udp/transport.js';

class Noted implements PlaneSockets {
  readonly port: number;
  readonly marks: number[] = [];
  closes = 0;

  constructor(port: number) {
    this.port = port;
  }

  setMark(mark: number): void {
    if (mark < 0) throw new Error('no mark');
    this.marks.push(mark);
  }

  async close(): Promise<void> {
    this.closes++;
  }
}

const nothing = (): void => undefined;

function replaceable() {
  const first = new Noted(1);
  const next = new Noted(2);
  const changes: Parameters<OpenSockets<Noted>>[0][] = [];
  const sockets = new ReplaceableSockets(first, async (change) => {
    if (change.port === 99) throw new Error('in use');
    changes.push(change);
    return next;
  });
  return { sockets, first, next, changes };
}

it('closes the old sockets when new ones have taken their place', async () => {
  const { sockets, first, next } = replaceable();
  expect(await sockets.listen(0, () => expect(first.closes).toBe(0))).toBe(2);
  expect(sockets.current).toBe(next);
  expect([first.closes, next.closes]).toEqual([1, 0]);
});

it('opens the new sockets with the mark that was set last', async () => {
  const { sockets, next, changes } = replaceable();
  await sockets.listen(7, nothing);
  sockets.setMark(5);
  expect(next.marks).toEqual([5]);
  expect(() => sockets.setMark(-1)).toThrow('no mark');
  await sockets.listen(8, nothing);
  sockets.setMark(0);
  await sockets.listen(9, nothing);
  expect(changes).toEqual([{ port: 7 }, { port: 8, mark: 5 }, { port: 9, mark: 0 }]);
});

it('keeps its sockets when new ones cannot be opened, or are not adopted', async () => {
  const { sockets, first, next } = replaceable();
  await expect(sockets.listen(99, nothing)).rejects.toThrow('in use');
  const adopt = (): never => {
    throw new Error('not adopted');
  };
  await expect(sockets.listen(0, adopt)).rejects.toThrow('not adopted');
  expect(sockets.current).toBe(first);
  expect([first.closes, next.closes]).toEqual([0, 1]);
});
