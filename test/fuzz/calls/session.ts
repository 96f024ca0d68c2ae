import { assert, UsageError } from '../../../emu/base/errors.ts';
import { Prng } from '../../../emu/base/prng.ts';
import { SIGCONT, SIGKILL } from '../../../kernel-sim/abi/signal.ts';
import { checkInvariants } from '../../../kernel-sim/kern/invariants.ts';
import { bytesOf, type Kernel } from '../../../kernel-sim/kern/kernel.ts';
import { psignal } from '../../../kernel-sim/kern/signal.ts';
import { closeConsoleInput, feedConsole } from '../../../kernel-sim/vfs/console.ts';
import { straceLine } from '../../../src/report/strace.ts';
import { recordStrace } from '../../../src/report/strace-recorder.ts';
import { decodeSnapshot, encodeSnapshot } from '../../../src/snapshot/encode.ts';
import { System, type SystemConfig, type SystemSnapshot } from '../../../src/system.ts';
import { program } from '../../../src/testing/guest-program.ts';
import { CallingEngine } from './calling-engine.ts';
import { Coverage, type CoverageRecord } from './coverage.ts';

/** `int $0x80` for ever: what there would be to see if anybody looked at the code. */
const PROGRAM = program((p) => p.raw('cd80ebfc')).elf();
const TRUE = program((p) => p.exit(0)).elf();

/** How much virtual time an instruction takes: with much, sleeps end and timers go off; with little, nothing but calls happens. */
const CYCLES_NS = [10, 500, 10_000];

/** Machines of several kinds; a number says which. */
export function machineOf(seed: number): SystemConfig {
  const prng = Prng.seeded(seed, 1);
  return {
    seed: seed & 0xffff,
    cores: prng.between(1, 3),
    cycleNs: CYCLES_NS[prng.below(CYCLES_NS.length)]!,
    diskBytes: prng.below(2) === 0 ? 1 << 20 : 1 << 30,
    physmemBytes: [16 << 20, 256 << 20][prng.below(2)]!,
    consoleIsTty: prng.below(4) !== 0,
    checkpointEveryNs: prng.below(24) === 0 ? 5_000_000_000 : 0,
  };
}

/** When only timers have gone off for so long, somebody is woken. */
const PATIENCE_NS = 10_000_000_000;

export interface SessionOptions {
  readonly machine: number;
  /** One for each thing that a thread does. */
  readonly steps: readonly number[];
  /** Invariants are checked after so many steps; 1: after each trap and round. */
  readonly checkEvery: number;
  /**
   * Half way a snapshot is taken, and in the end the machine goes back to it and comes to the same end; some sessions also as bytes, on
   * another machine.
   */
  readonly goesBack?: boolean;
  /** Gets each call as a line, instead of being counted. */
  readonly trace?: (line: string) => void;
}

export interface SessionResult {
  readonly calls: number;
  readonly coverage: CoverageRecord;
}

/** Plays a session to its end. Throws what must not happen. */
export function runSession({ machine, steps, checkEvery, goesBack, trace }: SessionOptions): SessionResult {
  const engine = new CallingEngine(steps);
  const system = new System({ ...machineOf(machine), engine, paranoid: checkEvery === 1 });
  const { kernel } = system;
  const coverage = new Coverage();
  if (trace) recordStrace(system, (record) => trace(straceLine(record)));
  else kernel.callTracer = coverage;
  engine.attach(kernel);
  furnish(system);
  try {
    play(system, engine, goesBack ? Math.floor(steps.length / 2) : 0, checkEvery);
    const middle = { snapshot: system.snapshot(), position: engine.position };
    play(system, engine, steps.length, checkEvery);
    const { calls } = engine;
    if (goesBack) {
      const end = system.snapshot();
      if (machine % 8 === 0) replayFromBytes(middle, end, steps, checkEvery);
      system.restore(middle.snapshot);
      engine.position = middle.position;
      play(system, engine, steps.length, checkEvery);
      assert(system.isAt(end), 'the run from a snapshot came to another end');
    }
    return { calls, coverage: coverage.record };
  } finally {
    disposeSpaces(system);
  }
}

/** The same in a system of its own, which has the state from a file. */
function replayFromBytes(
  { snapshot, position }: { snapshot: SystemSnapshot; position: number },
  end: SystemSnapshot,
  steps: readonly number[],
  checkEvery: number,
): void {
  const engine = new CallingEngine(steps);
  const system = System.from(decodeSnapshot(encodeSnapshot(snapshot)), { engine, paranoid: checkEvery === 1 });
  engine.attach(system.kernel);
  engine.position = position;
  try {
    play(system, engine, steps.length, checkEvery);
    assert(system.isAt(end), 'the run from a saved state came to another end');
  } finally {
    disposeSpaces(system);
  }
}

function disposeSpaces({ kernel }: System): void {
  for (const space of kernel.spaces.values()) space.dispose();
}

function furnish(system: System): void {
  system.install({ path: '/bin/fuzz', bytes: PROGRAM });
  system.install({ path: '/bin/true', bytes: TRUE });
  system.install({ path: '/tmp/a', bytes: bytesOf('hello '.repeat(2000)) });
  system.install({ path: '/tmp/d/e/f', bytes: bytesOf('f') });
  system.install({ path: '/tmp/script', bytes: bytesOf('#!/bin/fuzz -x\n') });
  system.install({ path: '/tmp/deep', bytes: bytesOf('#!/tmp/script\n') });
  start(system, true);
  start(system);
}

/** False: the guest has left no program to start. */
function start(system: System, login = false): boolean {
  try {
    system.spawn({ path: '/bin/fuzz', args: ['fuzz'], login });
    return true;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return false;
  }
}

/** Until the engine has used up `until` numbers. Whatever happens, it goes on: who comes to a standstill is woken from outside. */
function play(system: System, engine: CallingEngine, until: number, checkEvery: number): void {
  const { kernel, machine } = system;
  while (engine.position < until) {
    const before = engine.position;
    const stop = system.run({
      pauseInstructions: machine.retired + Math.min(checkEvery, until - before),
      pauseNs: machine.nowNs + PATIENCE_NS,
    });
    checkInvariants(kernel);
    if (engine.position > before && stop.reason === 'paused') continue;
    assert(stop.reason !== 'no-healthy-core', 'no core has failed');
    wake(system, Prng.seeded(engine.next()));
    checkInvariants(kernel);
  }
}

function wake(system: System, prng: Prng): void {
  const { kernel } = system;
  const living = [...kernel.state.procs.values()].filter((p) => p.pid !== 1 && p.state === 'normal');
  const victim = living[prng.below(Math.max(1, living.length))];
  switch (prng.below(8)) {
    case 0:
      feedConsole(kernel, bytesOf(['a line\n', '\x03', '\x1a', 'x', '\x04'][prng.below(5)]!));
      return;
    case 1:
      if (prng.below(20) === 0) closeConsoleInput(kernel);
      return;
    case 2:
    case 3:
      if (victim) psignal(kernel, victim.pid, prng.below(2) === 0 ? SIGCONT : SIGKILL);
      return;
    default:
      // A machine full of sleepers makes room, and one without programs gets one again.
      if (living.length > 30) for (const p of living) killIfThere(kernel, p.pid);
      if (!start(system)) reinstall(system);
  }
}

function killIfThere(kernel: Kernel, pid: number): void {
  const p = kernel.findProc(pid);
  if (p) psignal(kernel, p.pid, SIGKILL);
}

function reinstall(system: System): void {
  try {
    system.install({ path: '/bin/fuzz', bytes: PROGRAM });
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
  }
}
