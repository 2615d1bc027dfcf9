import { describe, expect, it } from 'vitest';
import { Rotation } from '../../src/control/endpoints/rotation.js';

const at = (address: string, port = 1) => ({ address, port });
const A = at('2001:db8::1');
const B = at('192.0.2.1');
const C = at('192.0.2.2');
const ELSEWHERE = at('198.51.100.9');

describe('Rotation', () => {
  it('goes round and round through all addresses of all endpoints', () => {
    const rotation = new Rotation([[A, B], [], [C, A]]);
    expect(rotation.all).toEqual([A, B, C]);
    expect(rotation.after(A)).toBe(B);
    expect(rotation.after(B)).toBe(C);
    expect(rotation.after(C)).toBe(A);
  });

  it('begins with the one that worked last', () => {
    const rotation = new Rotation([[A, B], [C]]);
    rotation.worked(C);
    expect(rotation.all).toEqual([C, A, B]);
    expect(rotation.after(ELSEWHERE)).toEqual(C);
    expect(rotation.hasWorked({ ...C })).toBe(true);
    expect(rotation.hasWorked(A)).toBe(false);
  });

  it('does not go where the peer has roamed to', () => {
    const rotation = new Rotation([[A]]);
    rotation.worked(ELSEWHERE);
    expect(rotation.all).toEqual([A]);
  });

  it('has nowhere else to go with one address or none', () => {
    expect(new Rotation([[A]]).after({ ...A })).toBeUndefined();
    expect(new Rotation([[]]).after(A)).toBeUndefined();
    expect(new Rotation([]).after(undefined)).toBeUndefined();
  });

  it('tells another port from the same one', () => {
    expect(new Rotation([[A]]).has(at(A.address, 2))).toBe(false);
    expect(new Rotation([[A]]).has({ ...A })).toBe(true);
  });

  it('takes other addresses for an endpoint, and returns whether some are new', () => {
    const rotation = new Rotation([[A, B], [C]]);
    expect(rotation.replace(0, [B, A])).toBe(false);
    expect(rotation.replace(0, [B])).toBe(false);
    expect(rotation.replace(0, [B, ELSEWHERE])).toBe(true);
    expect(rotation.all).toEqual([B, ELSEWHERE, C]);
  });
});
