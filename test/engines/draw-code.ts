import type { Prng } from '../../emu/base/prng.ts';

/* Random bytes as code: any, and such as run for a while. */

const PREFIXES = [0xf0, 0x66, 0x67, 0xf2, 0xf3, 0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65];
/** LOCK before what does not allow it, and calls and jumps through far pointers in registers, which Unicorn does not survive. */
// biome-ignore format: one encoding each
const HAZARDS = [
  [0xf0, 0x38, 0x03], [0xf0, 0x39, 0x1f], [0xf0, 0x80, 0x3b, 1], [0xf0, 0x81, 0x3b, 1, 0, 0, 0], [0xf0, 0x83, 0x3b, 1],
  [0xf0, 0xa6], [0xf0, 0xf3, 0xa7], [0xf0, 0x0f, 0xa3, 0xc1], [0xf0, 0x0f, 0xab, 0xc1], [0x66, 0xf0, 0x0f, 0xb3, 0xc1],
  [0xf0, 0x0f, 0xbb, 0xc1], [0xf0, 0x0f, 0xba, 0xe9, 3], [0xff, 0xd8], [0xff, 0xeb], [0x2e, 0xff, 0xdf],
];

/** One-byte opcodes with a ModR/M byte, and two-byte ones (0F ..), that seldom fault. */
// biome-ignore format: by opcode
const TAME = [
  0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0a, 0x0b, 0x10, 0x11, 0x12, 0x13, 0x18, 0x19, 0x1a, 0x1b, 0x20, 0x21, 0x22, 0x23, 0x28, 0x29, 0x2a, 0x2b,
  0x30, 0x31, 0x32, 0x33, 0x38, 0x39, 0x3a, 0x3b, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x8b, 0xd0, 0xd1, 0xd2, 0xd3, 0xfe,
];
// biome-ignore format: by opcode
const TAME_0F = [0xa3, 0xa5, 0xab, 0xad, 0xaf, 0xb0, 0xb1, 0xb3, 0xb6, 0xb7, 0xbb, 0xbc, 0xbd, 0xbe, 0xbf, 0xc0, 0xc1];
/** Without ModR/M: INC .. POP, flags, strings, XCHG, decimal arithmetic. */
// biome-ignore format: by opcode
const TAME_PLAIN = [
  0x27, 0x2f, 0x37, 0x3f, 0x40, 0x41, 0x42, 0x43, 0x48, 0x4a, 0x4b, 0x50, 0x51, 0x58, 0x5a, 0x90, 0x91, 0x98, 0x99, 0x9c, 0x9e, 0x9f,
  0xa4, 0xa6, 0xa7, 0xaa, 0xab, 0xac, 0xae, 0xd6, 0xf5, 0xf8, 0xf9, 0xfc,
];

/** Instructions that exist, mostly between registers, with short branches: runs are long, and much goes from one to the next. */
export function drawTameCode(prng: Prng, bytes: Uint8Array): void {
  const pick = (opcodes: readonly number[]): number => opcodes[prng.below(opcodes.length)]!;
  // [esi], [edi], or registers without ESP.
  const modrm = (): number => {
    const reg = pick([0, 1, 2, 3, 5]) << 3;
    return prng.below(4) === 0 ? reg | pick([6, 7]) : 0xc0 | reg | pick([0, 1, 2, 3, 5]);
  };
  for (let at = 0; at < bytes.length - 8; ) {
    const kind = prng.below(16);
    if (prng.below(8) === 0) bytes[at++] = 0x66;
    if (kind < 6) bytes.set([pick(TAME), modrm()], at);
    else if (kind < 8) bytes.set([0x0f, pick([...TAME_0F, 0x40 + prng.below(16), 0x90 + prng.below(16)]), modrm()], at);
    else if (kind < 10) bytes.set([prng.below(4) === 0 ? pick([0xf2, 0xf3]) : 0x90, pick(TAME_PLAIN)], at);
    else if (kind < 12) bytes.set([pick([0x83, 0xc0, 0xc1]), modrm(), prng.below(256)], at);
    else if (kind < 14) bytes.set([pick([0x70 + prng.below(16), 0xe0, 0xe1, 0xe2, 0xe3]), prng.below(12)], at);
    else bytes.set([pick([0xf6, 0xf7]), 0xd0 | (prng.below(2) << 3) | pick([0, 1, 2, 3, 5])], at);
    at += kind < 6 || (kind >= 8 && kind < 10) || kind >= 12 ? 2 : 3;
  }
}

/** Opcodes with and without prefixes, of one byte and of two, and what hurts. */
export function drawCode(prng: Prng, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    const kind = prng.below(16);
    if (kind === 0) {
      const hazard = HAZARDS[prng.below(HAZARDS.length)]!;
      bytes.set(hazard.slice(0, bytes.length - at), at);
      at += hazard.length;
      continue;
    }
    if (kind < 4) bytes[at++] = PREFIXES[prng.below(PREFIXES.length)]!;
    if (kind < 8) bytes[at++] = 0x0f;
    bytes[at++] = prng.below(256);
    // ModR/M: half of the time through a register that points to memory.
    bytes[at++] = prng.below(2) === 0 ? prng.below(256) : (prng.below(8) << 3) | [1, 2, 3, 6, 7][prng.below(5)]!;
  }
}
