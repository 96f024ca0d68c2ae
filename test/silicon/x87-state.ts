import type { Prng } from '../../emu/base/prng.ts';
import type { Case } from './protocol.ts';

// The x87 half of an FXSAVE image (SDM Vol. 2, FXSAVE): drawing it, comparing it, showing it.

const BIAS = 0x3fff;
const FX_BYTES = 512;
const REGISTERS = 32;
const XMM = 160;
const XMM_END = 288;

type Value = readonly [se: number, significand: bigint];

const MSB = 1n << 63n;
const ES = 0x80;
const C1 = 0x200;
const ONES = (1n << 64n) - 1n;

function pick<T>(prng: Prng, values: readonly T[]): T {
  return values[prng.below(values.length)]!;
}

function drawSignificand(prng: Prng): bigint {
  const random = (BigInt(prng.next()) << 32n) | BigInt(prng.next());
  switch (prng.below(10)) {
    case 0:
      return MSB;
    case 1:
      return ONES;
    case 2:
      // A double's 53 bits, a single's 24, and what rounds to them.
      return MSB | (random & ~0x7ffn & ONES);
    case 3:
      return MSB | (random & ~0xffffffffffn & ONES);
    case 4:
      return MSB | (random & ~0x7ffn & ONES) | pick(prng, [0x400n, 0x401n, 0x3ffn, 0x7ffn, 1n]);
    case 5:
      return MSB | (random & ~0xffffffffffn & ONES) | pick(prng, [0x8000000000n, 0x8000000001n, 0x7fffffffffn, 1n]);
    case 6:
      return ONES ^ (1n << BigInt(prng.below(63)));
    case 7:
      return MSB | (1n << BigInt(prng.below(63)));
    default:
      return MSB | random;
  }
}

/** A number in the extended format, with its quirks. */
export function drawExtended(prng: Prng): Value {
  const sign = prng.below(2) * 0x8000;
  const significand = drawSignificand(prng);
  const kind = prng.below(32);
  if (kind < 9) return [sign | (BIAS + prng.between(-4, 5)), significand];
  if (kind < 12) return [sign | (BIAS + prng.between(-70, 70)), significand];
  if (kind < 13)
    return [
      sign |
        (BIAS + pick(prng, [-1022, -1023, -1074, -1075, -126, -127, -149, 127, 128, 1023, 1024, -52, -53, 63, 62, 64])),
      significand,
    ];
  if (kind < 14) return [sign | pick(prng, [1, 2, 3, 64, 65, 0x7ffe, 0x7ffd, 0x7fc0]), significand];
  if (kind < 15) return [sign | prng.below(0x7fff), significand];
  if (kind < 18) {
    // Integers.
    const n = BigInt(prng.next() >>> pick(prng, [0, 8, 16, 24, 28])) || 1n;
    const length = n.toString(2).length;
    return [sign | (BIAS + length - 1), n << BigInt(64 - length)];
  }
  if (kind < 20) return [sign, 0n];
  if (kind < 22) return [sign | BIAS, MSB];
  if (kind < 24) return [sign | 0x7fff, MSB];
  if (kind === 24) return [sign, significand >> BigInt(prng.between(1, 62))];
  if (kind === 25) return [sign, significand];
  if (kind === 26) return [sign | 0x7fff, MSB | 0x4000000000000000n | (significand >> 2n)];
  if (kind === 27) return [sign | 0x7fff, MSB | (significand & 0x3fffffffffffffffn) | 1n];
  if (kind === 28) return [0xffff, 0xc000000000000000n];
  if (kind === 29) return [sign | prng.below(0x8000), significand & ~MSB & ONES];
  return [sign | (BIAS + prng.between(-40, 40)), significand];
}

/** A second operand that has something to do with the first. */
function drawRelated(prng: Prng, [se, significand]: Value): Value {
  switch (prng.below(6)) {
    case 0:
      return [se, significand];
    case 1:
      return [se ^ 0x8000, significand];
    case 2:
      return [se, significand ^ 1n];
    case 3:
      return [(se & 0x8000) | (((se & 0x7fff) + prng.between(-3, 3)) & 0x7fff), drawSignificand(prng)];
    case 4:
      return [(prng.below(2) * 0x8000) | (((se & 0x7fff) + prng.between(-70, 70)) & 0x7fff), drawSignificand(prng)];
    default:
      return [se ^ 0x8000, (significand ^ BigInt(prng.below(0x1000))) | (significand & MSB)];
  }
}

/** What the range of an instruction makes interesting. */
function drawSuited(prng: Prng, mnemonic: string, register: number): Value | null {
  if (prng.below(4) === 0) return null;
  const sign = prng.below(2) * 0x8000;
  const significand = drawSignificand(prng);
  const around = (low: number, high: number): Value => [sign | (BIAS + prng.between(low, high)), significand];
  switch (mnemonic) {
    case 'F2XM1':
      return register === 0 ? around(pick(prng, [-70, -10, -2]), -1) : null;
    case 'FYL2XP1':
      return register === 0 ? around(pick(prng, [-80, -10, -3]), -3) : null;
    case 'FYL2X':
      return register === 0 ? [around(pick(prng, [-100, -2]), pick(prng, [100, 1]))[0] & 0x7fff, significand] : null;
    case 'FSIN':
    case 'FCOS':
    case 'FPTAN':
    case 'FSINCOS':
      return register === 0 ? around(pick(prng, [-40, -4]), pick(prng, [1, 4, 20, 62, 64])) : null;
    case 'FSCALE':
      return register === 1 ? around(-2, pick(prng, [4, 14, 16])) : null;
    case 'FIST':
    case 'FISTP':
    case 'FISTTP':
    case 'FRNDINT':
    case 'FBSTP':
      return register === 0 ? around(-3, 64) : null;
    default:
      return null;
  }
}

/** `allMasked`: no exception interrupts. */
export function drawX87State(prng: Prng, mnemonic: string, allMasked: boolean): Uint8Array {
  const fx = new Uint8Array(FX_BYTES);
  const view = new DataView(fx.buffer);
  const masks = allMasked || prng.below(10) < 6 ? 0x3f : prng.below(2) ? 0x3f & ~(1 << prng.below(6)) : prng.below(64);
  const precision = pick(prng, [3, 3, 3, 2, 2, 2, 0, 0, 1]);
  const rounding = prng.below(2) ? 0 : prng.below(4);
  const control = 0x40 | masks | (precision << 8) | (rounding << 10) | (prng.below(4) === 0 ? 0x1000 : 0);
  // Mostly no exception is pending.
  let flags = prng.below(2) ? prng.below(128) : 0;
  if (allMasked || prng.below(20) !== 0) flags &= masks | 0x40;
  const summary = flags & ~control & 0x3f ? 0x8080 : 0;
  const top = prng.below(8);
  const conditions = prng.next() & 0x4700;
  view.setUint16(0, control, true);
  view.setUint16(2, flags | summary | conditions | (top << 11), true);
  const tagKind = prng.below(10);
  // Abridged tags are by physical register: rotate what is meant of ST(0), ST(1) ...
  const wanted = tagKind < 3 ? 0xff : tagKind < 7 ? 0x7f : tagKind < 8 ? 0x03 : prng.below(256);
  fx[4] = ((wanted << top) | (wanted >> (8 - top))) & 0xff;
  view.setUint32(24, 0x1f80, true);
  let first: Value = [0, 0n];
  for (let i = 0; i < 8; i++) {
    const related = i > 0 && prng.below(4) === 0;
    const value = drawSuited(prng, mnemonic, i) ?? (related ? drawRelated(prng, first) : drawExtended(prng));
    if (i === 0) first = value;
    view.setBigUint64(REGISTERS + 16 * i, value[1], true);
    view.setUint16(REGISTERS + 16 * i + 8, value[0], true);
  }
  return fx;
}

/** The doublewords of a memory operand. */
export function drawX87Operand(prng: Prng, operand: string, prefix66: boolean): number[] {
  const [se, significand] = drawExtended(prng);
  const bytes = new DataView(new ArrayBuffer(112));
  switch (operand) {
    case 'm32fp':
      if (prng.below(3) === 0)
        bytes.setUint32(
          0,
          pick(
            prng,
            [
              0, 1, 0x80000000, 0x007fffff, 0x00800000, 0x7f7fffff, 0x7f800000, 0xff800000, 0x7fc00001, 0x7f800001,
              0xffbfffff, 0x3f800000, 0xbf800000, 0x00000123,
            ],
          ),
          true,
        );
      else if (prng.below(2)) bytes.setFloat32(0, toNumber(se, significand), true);
      else bytes.setUint32(0, prng.next(), true);
      break;
    case 'm64fp':
      if (prng.below(3) === 0)
        bytes.setBigUint64(
          0,
          pick(prng, [
            0n,
            1n,
            MSB,
            0x000fffffffffffffn,
            0x0010000000000000n,
            0x7fefffffffffffffn,
            0x7ff0000000000000n,
            0xfff0000000000000n,
            0x7ff8000000000001n,
            0x7ff0000000000001n,
            0xfff7ffffffffffffn,
            0x3ff0000000000000n,
            0x0000000012345678n,
          ]),
          true,
        );
      else if (prng.below(3)) bytes.setFloat64(0, toNumber(se, significand), true);
      else bytes.setBigUint64(0, (BigInt(prng.next()) << 32n) | BigInt(prng.next()), true);
      break;
    case 'm80fp':
      bytes.setBigUint64(0, significand, true);
      bytes.setUint16(8, se, true);
      break;
    case 'm80bcd':
      for (let i = 0; i < 9; i++) bytes.setUint8(i, prng.below(10) * 16 + prng.below(10));
      bytes.setUint8(9, prng.below(2) * 0x80 + (prng.below(4) === 0 ? prng.below(128) : 0));
      break;
    case 'm2byte':
      bytes.setUint16(0, prng.below(2) ? prng.next() & 0xffff : 0x37f | (prng.below(16) << 8), true);
      break;
    case 'm14/28byte':
    case 'm94/108byte': {
      const size = prefix66 ? 2 : 4;
      for (let i = 0; i < 112; i += 4) bytes.setUint32(i, prng.next(), true);
      if (prng.below(2)) bytes.setUint16(0, 0x37f | (prng.below(16) << 8), true);
      if (prng.below(2)) bytes.setUint16(2 * size, pick(prng, [0, 0xffff, 0x5555, 0xfff0, 0x000f]), true);
      for (let i = 0; i < 8; i++) {
        const [exponent, bits] = drawExtended(prng);
        bytes.setBigUint64(7 * size + 10 * i, bits, true);
        bytes.setUint16(7 * size + 10 * i + 8, exponent, true);
      }
      break;
    }
    default:
      bytes.setUint32(
        0,
        pick(prng, [0, 1, 0x80000000, 0x7fffffff, 0xffffffff, 0x8000, 0x7fff, prng.next(), prng.next()]),
        true,
      );
      bytes.setUint32(4, pick(prng, [0, 0, 0xffffffff, 0x80000000, 0x7fffffff, prng.next(), prng.next()]), true);
  }
  const sizes: Readonly<Record<string, number>> = {
    m32fp: 1,
    m32int: 1,
    m16int: 1,
    m2byte: 1,
    m64fp: 2,
    m64int: 2,
    m80fp: 3,
    m80bcd: 3,
  };
  const count = sizes[operand] ?? (operand === 'm14/28byte' ? 7 : 27);
  return Array.from({ length: count }, (_, i) => bytes.getUint32(4 * i, true));
}

function toNumber(se: number, significand: bigint): number {
  const value = Number(significand) * 2 ** ((se & 0x7fff) - BIAS - 63);
  return se & 0x8000 ? -value : value;
}

export interface FxDifference {
  readonly what: string;
  readonly expected: string;
  readonly got: string;
}

/** Whether two registers are the same or `tolerance` units in the last place apart. */
function areClose(n: DataView, e: DataView, i: number, tolerance: number): boolean {
  const at = REGISTERS + 16 * i;
  const ordinal = (view: DataView): bigint =>
    (BigInt(view.getUint16(at + 8, true)) << 63n) + (view.getBigUint64(at, true) & (MSB - 1n));
  const distance = ordinal(n) - ordinal(e);
  return distance >= -BigInt(tolerance) && distance <= BigInt(tolerance);
}

/**
 * FOP, FIP and FDP count while an exception is pending: otherwise AMD does not save them. FCS and FDS are left out: a 64-bit kernel
 * has none.
 */
export function differencesOfFx(native: Uint8Array, emulated: Uint8Array, tolerance: number): FxDifference[] {
  const found: FxDifference[] = [];
  const n = new DataView(native.buffer, native.byteOffset, FX_BYTES);
  const e = new DataView(emulated.buffer, emulated.byteOffset, FX_BYTES);
  const check = (what: string, expected: string, got: string): void => {
    if (expected !== got) found.push({ what, expected, got });
  };
  check('control word', hex(n.getUint16(0, true)), hex(e.getUint16(0, true)));
  // Which way a result that may differ was rounded is not known either.
  const ignored = tolerance > 0 ? C1 : 0;
  const statusN = n.getUint16(2, true) & ~ignored;
  const statusE = e.getUint16(2, true) & ~ignored;
  if (statusN !== statusE)
    found.push({ what: `status word(${statusNames(statusN ^ statusE)})`, expected: hex(statusN), got: hex(statusE) });
  if (statusN & ES) {
    check('fop', hex(n.getUint16(6, true)), hex(e.getUint16(6, true)));
    check('fip', hex(n.getUint32(8, true)), hex(e.getUint32(8, true)));
    check('fdp', hex(n.getUint32(16, true)), hex(e.getUint32(16, true)));
  }
  check('tags', hex(native[4]!), hex(emulated[4]!));
  for (let i = 0; i < 8; i++)
    if (!areClose(n, e, i, tolerance)) check(`st${i}`, showRegister(n, i), showRegister(e, i));
  check('mxcsr', hex(n.getUint32(24, true)), hex(e.getUint32(24, true)));
  for (let at = XMM; at < XMM_END; at += 16) {
    const bytes = (fx: Uint8Array): string => Buffer.from(fx.subarray(at, at + 16)).toString('hex');
    check(`xmm${(at - XMM) / 16}`, bytes(native), bytes(emulated));
  }
  return found;
}

const STATUS_NAMES: readonly [number, string][] = [
  [1, 'IE'],
  [2, 'DE'],
  [4, 'ZE'],
  [8, 'OE'],
  [0x10, 'UE'],
  [0x20, 'PE'],
  [0x40, 'SF'],
  [0x80, 'ES'],
  [0x100, 'C0'],
  [0x200, 'C1'],
  [0x400, 'C2'],
  [0x3800, 'TOP'],
  [0x4000, 'C3'],
  [0x8000, 'B'],
];

function statusNames(bits: number): string {
  return STATUS_NAMES.filter(([bit]) => bits & bit)
    .map(([, name]) => name)
    .join(' ');
}

function showRegister(view: DataView, i: number): string {
  const at = REGISTERS + 16 * i;
  return `${view
    .getUint16(at + 8, true)
    .toString(16)
    .padStart(4, '0')}:${view.getBigUint64(at, true).toString(16).padStart(16, '0')}`;
}

function hex(n: number): string {
  return `0x${n.toString(16)}`;
}

export function describeX87(fx: Uint8Array): string {
  const view = new DataView(fx.buffer, fx.byteOffset, FX_BYTES);
  const registers = Array.from({ length: 8 }, (_, i) => showRegister(view, i)).join(' ');
  return `cw ${hex(view.getUint16(0, true))} sw ${hex(view.getUint16(2, true))} tags ${hex(fx[4]!)} ${registers}`;
}

/** Cases with a simpler x87 state. */
export function simplerX87(c: Case): Case[] {
  if (!c.fx) return [];
  const found: Case[] = [];
  const change = (alter: (view: DataView) => void): void => {
    const fx = c.fx!.slice();
    alter(new DataView(fx.buffer));
    if (Buffer.compare(fx, c.fx!) !== 0) found.push({ ...c, fx });
  };
  change((view) => view.setUint16(0, 0x37f, true));
  change((view) => view.setUint16(0, view.getUint16(0, true) | 0x3f, true));
  change((view) => view.setUint16(2, view.getUint16(2, true) & 0x3800, true));
  change((view) => view.setUint8(4, 0xff));
  for (let i = 0; i < 8; i++)
    change((view) => {
      view.setBigUint64(REGISTERS + 16 * i, MSB, true);
      view.setUint16(REGISTERS + 16 * i + 8, BIAS, true);
    });
  return found;
}
