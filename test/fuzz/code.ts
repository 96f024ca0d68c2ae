import { assert } from '../../emu/base/errors.ts';
import { Prng } from '../../emu/base/prng.ts';
import type { Engine } from '../../emu/core/engine.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { JitEngine } from '../../emu/jit/jit-engine.ts';
import { SYSCALLS } from '../../kernel-sim/sys/table.ts';
import { System } from '../../src/system.ts';
import { DATA, GuestProgram, TEXT } from '../../src/testing/guest-program.ts';
import { drawCode, drawTameCode } from '../engines/draw-code.ts';

/* Random code as programs of a whole system, on both engines: whatever it does, it ends in an orderly way, and in the same one. */

const INSTRUCTIONS_MAX = 20_000;
const UNTIL_NS = 100_000_000;
const hex = (bytes: Uint8Array): string => [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('');
const le32 = (n: number): string => hex(new Uint8Array(Int32Array.of(n).buffer));

/** Bytes, instructions, or instructions with system calls among them. */
function drawBytes(prng: Prng): Uint8Array {
  const bytes = new Uint8Array(prng.between(16, 400));
  switch (prng.below(4)) {
    case 0:
      for (let n = 0; n < bytes.length; n++) bytes[n] = prng.below(256);
      return bytes;
    case 1:
      drawCode(prng, bytes);
      return bytes;
    default:
      drawTameCode(prng, bytes);
      for (let n = prng.below(6); n > 0; n--) bytes.set(drawCall(prng), prng.below(Math.max(1, bytes.length - 7)));
      return bytes;
  }
}

/** mov eax, number; int 0x80 */
function drawCall(prng: Prng): Uint8Array {
  const { number } = SYSCALLS[prng.below(SYSCALLS.length)]!;
  return Uint8Array.of(0xb8, number & 255, number >> 8, 0, 0, 0xcd, 0x80);
}

/** The program in its text, which nobody may write, or in its data, where it may write to itself; registers point to memory. */
function drawProgram(prng: Prng): Uint8Array {
  const p = new GuestProgram();
  const pointer = (): number =>
    (prng.below(20) === 0 ? prng.next() : (prng.below(10) === 0 ? TEXT : DATA) + prng.below(0x4000)) | 0;
  // mov ecx, edx, ebx, ebp, esi, edi
  for (const opcode of [0xb9, 0xba, 0xbb, 0xbd, 0xbe, 0xbf]) p.raw(opcode.toString(16)).raw(le32(pointer()));
  if (prng.below(4) === 0) p.sys('sigaction', prng.between(1, 31), p.words(TEXT, prng.below(64), 0, 0, 0, 0), 0);
  if (prng.below(4) === 0) p.sys('fork');
  const code = drawBytes(prng);
  // jmp from the end to the beginning: what loops gets hot.
  const loop = `e9${le32(-code.length - 5)}`;
  if (prng.below(2) === 0) return p.raw(hex(code)).raw(loop).elf();
  const whole = Uint8Array.from([
    ...code,
    ...(loop.match(/../g) ?? []).map((pair) => Number.parseInt(pair, 16)),
    0,
    0,
    0,
  ]);
  const words = new Int32Array(whole.buffer.slice(0, whole.length & ~3));
  return p
    .raw('b8')
    .raw(le32(p.words(...words)))
    .raw('ffe0')
    .elf();
}

/** Runs it on an engine. */
function run(elf: Uint8Array, seed: number, engine: Engine): { system: System; end: string } {
  const system = new System({
    cores: 1 + (seed & 1),
    cycleNs: 100,
    diskBytes: 1 << 22,
    consoleIsTty: false,
    paranoid: true,
    engine,
  });
  system.install({ path: '/bin/random', bytes: elf });
  system.spawn({ path: '/bin/random', args: ['random'] });
  const { reason } = system.run({ untilNs: UNTIL_NS, instructions: INSTRUCTIONS_MAX });
  const ends = system.events.flatMap((event) =>
    event.kind === 'exit' ? [event.signal ? `signal ${event.signal}` : 'exit'] : [],
  );
  return { system, end: ends[0] ?? reason };
}

/** What became of program `index` of a seed. Throws what must not happen. */
export function playProgram(seed: number, index: number): string {
  const prng = Prng.seeded(seed, index);
  const elf = drawProgram(prng);
  const interpreted = run(elf, index, new Interpreter());
  const translated = run(elf, index, new JitEngine({ sampleEvery: 20, samples: 1, eager: true }));
  try {
    assert(interpreted.end === translated.end, `${interpreted.end} on the interpreter, ${translated.end} translated`);
    assert(translated.system.isAt(interpreted.system.snapshot()), 'the engines come to different states');
    return interpreted.end;
  } finally {
    for (const { system } of [interpreted, translated])
      for (const space of system.kernel.spaces.values()) space.dispose();
  }
}
