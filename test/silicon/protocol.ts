/**
 * The records that go to the native runner and come back. The same layout stands in runner/runner.c.
 * A case in bytes is also its replay line (hex): nothing else decides what it does, except the constant page contents of `basePages`.
 */
export const CODE_BASE = 0x10000000;
export const CODE_SIZE = 0x2000;
export const DATA_BASE = 0x20000000;
/** Two pages that can be written; one that can be read follows, then nothing. */
export const DATA_RW_SIZE = 0x2000;
export const DATA_SIZE = 0x3000;
/** What the code pages hold where no case stands. */
export const INT3 = 0xcc;

/** Run `steps` instructions (an iteration of a repeated string instruction counts as one). */
export const MODE_STEP = 0;
/** Run to the first trap: the code is followed by INT3. */
export const MODE_RUN = 1;

export interface Patch {
  /** In the two writable pages, a multiple of 4. */
  readonly address: number;
  readonly value: number;
}

export interface Case {
  /** EAX ECX EDX EBX ESP EBP ESI EDI */
  readonly regs: Uint32Array;
  readonly eip: number;
  readonly eflags: number;
  /** ES CS SS DS FS GS */
  readonly selectors: Uint16Array;
  readonly code: Uint8Array;
  readonly mode: number;
  readonly steps: number;
  readonly patches: readonly Patch[];
  /** FXSAVE image, or null for the state after FNINIT with default MXCSR. */
  readonly fx: Uint8Array | null;
}

/** What is true after a case, on either machine. */
export interface Outcome {
  readonly regs: Uint32Array;
  readonly eip: number;
  readonly eflags: number;
  readonly selectors: Uint16Array;
  /** Exception vector; 1 (#DB) when the steps were done; VECTOR_SYSCALL for int 0x80. */
  readonly vector: number;
  readonly errorCode: number;
  readonly cr2: number;
  /** Instructions retired. */
  readonly retired: number;
  /** Changed doublewords, ascending by address. */
  readonly changes: readonly Patch[];
  readonly fx: Uint8Array | null;
}

/** What the runner reports in the place of a vector when it was not an exception. */
export const OUTCOME_HANG = 0x100;
export const OUTCOME_RUNNER_DIED = 0x101;

const CASE_HEADER_BYTES = 60;
const RESULT_HEADER_BYTES = 68;
const FX_BYTES = 512;
const SIGTRAP = 5;
const SIGVTALRM = 26;
const SIGSYS = 31;
const VECTOR_DB = 1;
const VECTOR_SYSCALL = 0x80;

export function caseSizeBytes(c: Case): number {
  return CASE_HEADER_BYTES + ((c.code.length + 3) & ~3) + c.patches.length * 8 + (c.fx ? FX_BYTES : 0);
}

/** Writes a case at `at`, a multiple of 4; returns where the next one goes. */
export function writeCase(view: DataView, at: number, c: Case): number {
  for (let i = 0; i < 8; i++) view.setUint32(at + i * 4, c.regs[i]!, true);
  view.setUint32(at + 32, c.eip, true);
  view.setUint32(at + 36, c.eflags, true);
  for (let i = 0; i < 6; i++) view.setUint16(at + 40 + i * 2, c.selectors[i]!, true);
  view.setUint8(at + 52, c.code.length);
  view.setUint8(at + 53, c.mode);
  view.setUint16(at + 54, c.steps, true);
  view.setUint8(at + 56, c.patches.length);
  view.setUint8(at + 57, c.fx ? 1 : 0);
  view.setUint16(at + 58, c.eip - CODE_BASE, true);
  let next = at + CASE_HEADER_BYTES;
  for (let i = 0; i < c.code.length; i++) view.setUint8(next + i, c.code[i]!);
  next += (c.code.length + 3) & ~3;
  for (const { address, value } of c.patches) {
    view.setUint32(next, address, true);
    view.setUint32(next + 4, value, true);
    next += 8;
  }
  if (c.fx) {
    new Uint8Array(view.buffer, view.byteOffset + next, FX_BYTES).set(c.fx);
    next += FX_BYTES;
  }
  return next;
}

export function caseToHex(c: Case): string {
  const bytes = new Uint8Array(caseSizeBytes(c));
  writeCase(new DataView(bytes.buffer), 0, c);
  return Buffer.from(bytes).toString('hex');
}

export function caseFromHex(hex: string): Case {
  const bytes = Uint8Array.from(Buffer.from(hex, 'hex'));
  const view = new DataView(bytes.buffer);
  const codeLength = view.getUint8(52);
  const patchCount = view.getUint8(56);
  const patchesAt = CASE_HEADER_BYTES + ((codeLength + 3) & ~3);
  const fxAt = patchesAt + patchCount * 8;
  return {
    regs: Uint32Array.from({ length: 8 }, (_, i) => view.getUint32(i * 4, true)),
    eip: view.getUint32(32, true),
    eflags: view.getUint32(36, true),
    selectors: Uint16Array.from({ length: 6 }, (_, i) => view.getUint16(40 + i * 2, true)),
    code: bytes.slice(CASE_HEADER_BYTES, CASE_HEADER_BYTES + codeLength),
    mode: view.getUint8(53),
    steps: view.getUint16(54, true),
    patches: Array.from({ length: patchCount }, (_, i) => ({
      address: view.getUint32(patchesAt + i * 8, true),
      value: view.getUint32(patchesAt + i * 8 + 4, true),
    })),
    fx: view.getUint8(57) ? bytes.slice(fxAt, fxAt + FX_BYTES) : null,
  };
}

/** Reads the results that are complete in `output`. */
export function readOutcomes(output: Uint8Array): Outcome[] {
  // Not a Buffer: its slices would share memory.
  const bytes = new Uint8Array(output.buffer, output.byteOffset, output.byteLength);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const outcomes: Outcome[] = [];
  let at = 0;
  while (at + RESULT_HEADER_BYTES <= bytes.length) {
    const changeCount = view.getUint16(at + 64, true);
    const hasFx = view.getUint8(at + 66) !== 0;
    const end = at + RESULT_HEADER_BYTES + changeCount * 8 + (hasFx ? FX_BYTES : 0);
    if (end > bytes.length) break;
    const regs = new Uint32Array(8);
    for (let i = 0; i < 8; i++) regs[i] = view.getUint32(at + i * 4, true);
    const selectors = new Uint16Array(6);
    for (let i = 0; i < 6; i++) selectors[i] = view.getUint16(at + 40 + i * 2, true);
    const changes: Patch[] = [];
    for (let i = 0, p = at + RESULT_HEADER_BYTES; i < changeCount; i++, p += 8)
      changes.push({ address: view.getUint32(p, true), value: view.getUint32(p + 4, true) });
    const vector = vectorOf(view.getUint8(at + 52), view.getUint8(at + 53));
    outcomes.push({
      regs,
      eip: view.getUint32(at + 32, true),
      eflags: view.getUint32(at + 36, true),
      selectors,
      vector,
      errorCode: vector === VECTOR_SYSCALL ? 0 : view.getUint32(at + 56, true),
      cr2: view.getUint32(at + 60, true),
      // A fault came in the place of the last step.
      retired: view.getUint16(at + 54, true) - (isTrap(vector) ? 0 : 1),
      changes,
      fx: hasFx ? bytes.slice(end - FX_BYTES, end) : null,
    });
    at = end;
  }
  return outcomes;
}

/** #DB, #BP, #OF and system calls come after the instruction. */
export function isTrap(vector: number): boolean {
  return vector === 1 || vector === 3 || vector === 4 || vector === VECTOR_SYSCALL;
}

function vectorOf(signo: number, trapno: number): number {
  if (signo === SIGSYS) return VECTOR_SYSCALL;
  if (signo === SIGVTALRM) return OUTCOME_HANG;
  if (signo === SIGTRAP && trapno !== 3) return VECTOR_DB;
  return trapno;
}
