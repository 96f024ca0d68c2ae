import type { Prng } from '../../../emu/base/prng.ts';
import { CODE } from '../guest-code.ts';
import { endLoop } from './float-loops.ts';

// Random loops that cores may run at the same time, in one space or in several.

const IMMEDIATE = CODE + 2;

/** An addition whose immediate the loop itself may count up, then a few instructions on EAX, EDX, ESI, EDI, the stack and shared memory. */
export function drawLoop(prng: Prng): Uint8Array {
  const shared = (): number => 4 * prng.below(8);
  const code = [0x83, 0xc0, prng.below(100)];
  const draws: readonly (() => number[])[] = [
    () => [0x03, 0x43, shared()], // add eax, [ebx+d]
    () => [0x89, 0x53, shared()], // mov [ebx+d], edx
    () => [0x31, 0x43, shared()], // xor [ebx+d], eax
    () => [0xf0, 0x0f, 0xc1, 0x53, shared()], // lock xadd [ebx+d], edx
    () => [0x42], // inc edx
    () => [0x13, 0xc2], // adc eax, edx
    () => [0xc1, 0xc2, prng.below(32)], // rol edx, n
    () => [0x0f, 0xaf, 0xf0], // imul esi, eax
    () => [0x50, 0x5f], // push eax; pop edi
    () => [0xdd, 0x43, 0x40, 0xd8, 0x43, 0x40, 0xdd, 0x5b, 0x40], // fld, fadd, fstp [ebx+40]
    () => [0xf2, 0x0f, 0x58, 0x43, 0x48], // addsd xmm0, [ebx+48]
    () => [0x0f, 0xc7, 0x4b, 0x20], // cmpxchg8b [ebx+20]
  ];
  for (let i = prng.between(2, 24); i > 0; i--) {
    const bytes = draws[prng.below(draws.length)]!();
    if (prng.below(6) === 0) code.push(0x70 + prng.below(16), bytes.length);
    code.push(...bytes);
  }
  // Pages that change all the time are not translated.
  if (prng.below(4) === 0) code.push(0xfe, 0x05, ...[0, 8, 16, 24].map((shift) => (IMMEDIATE >> shift) & 0xff));
  return endLoop(code, 0);
}
