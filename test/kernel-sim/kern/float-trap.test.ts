import { describe, expect, it } from 'vitest';
import { takeFloatTrap } from '../../../kernel-sim/kern/float-trap.ts';

describe('the si_code of an x87 exception', () => {
  it.each([
    ['invalid operation', 0x37e, 0x8081, 7],
    ['stack fault', 0x37e, 0x80c1, 8],
    ['division by zero', 0x37b, 0x8084, 3],
    ['overflow with precision', 0x357, 0x80a8, 4],
    ['underflow with precision', 0x36f, 0x80b0, 5],
    ['denormal operand', 0x37d, 0x8082, 5],
    ['precision', 0x35f, 0x80a0, 6],
    ['invalid operation and division by zero', 0x37a, 0x8085, 7],
    ['a masked exception beside the one that counts', 0x37b, 0x80c5, 3],
  ])('is right for %s, and the exceptions are cleared', (_name, control, status, code) => {
    const image = new Uint8Array(512);
    const view = new DataView(image.buffer);
    view.setUint16(0, control, true);
    view.setUint16(2, status | 0x7800, true);
    expect(takeFloatTrap(image)).toBe(code);
    expect(view.getUint16(2, true)).toBe(0x7800);
  });
});
