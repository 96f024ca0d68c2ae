import { SZSIGCODE } from '../abi/vmparam.ts';

/*
 * The signal trampoline that exec copies above the strings. What it does: freebsd-i386-abi.md, C.3, step 5 (FreeBSD i386/locore.s):
 * calls the handler through esp+16, passes the ucontext at esp+32 to sigreturn(2), reloading %gs unless it came from VM86 mode.
 */
// biome-ignore format: one instruction per line
const TRAMPOLINE = [
  0xff, 0x54, 0x24, 0x10,                         // call *16(%esp)
  0x8d, 0x44, 0x24, 0x20,                         // lea 32(%esp),%eax
  0x50,                                           // push %eax
  0xf7, 0x40, 0x54, 0x00, 0x00, 0x02, 0x00,       // testl $PSL_VM,84(%eax)
  0x75, 0x03,                                     // jne 1f
  0x8e, 0x68, 0x14,                               // mov 20(%eax),%gs
  0xb8, 0xa1, 0x01, 0x00, 0x00,                   // 1: mov $417,%eax
  0x50,                                           // push %eax
  0xcd, 0x80,                                     // int $0x80
  0xeb, 0xfe,                                     // 2: jmp 2b
];

/** SZSIGCODE bytes: the trampoline, then zeros. */
export function sigcode(): Uint8Array {
  const bytes = new Uint8Array(SZSIGCODE);
  bytes.set(TRAMPOLINE);
  return bytes;
}
