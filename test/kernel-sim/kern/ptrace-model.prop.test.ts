import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EBUSY, ECHILD, EPERM, ESRCH } from '../../../kernel-sim/abi/errno.ts';
import {
  PL_FLAG_SCE,
  PL_FLAG_SCX,
  PL_FLAG_SI,
  PT_ATTACH,
  PT_CONTINUE,
  PT_DETACH,
  PT_KILL,
  PT_LWPINFO,
  PT_STEP,
  PT_SYSCALL,
  PT_TO_SCE,
  PT_TO_SCX,
} from '../../../kernel-sim/abi/ptrace.ts';
import { at, program, Run, SCRATCH } from '../../support/guest-program.ts';
import { property } from '../../support/property.ts';

/*
 * Two tracers and two tracees, in every order of requests, signals, waits and deaths, beside a small model of them. All four run the
 * same program, which makes the system calls that it finds in its memory, and sleeps in between.
 */

const [SIGHUP, SIGTRAP, SIGKILL, SIGTERM, SIGSTOP, SIGCONT, SIGCHLD, SIGWINCH] = [1, 5, 9, 15, 17, 19, 20, 28];
const [SYS_EXIT, SYS_FORK, SYS_WAIT4, SYS_PTRACE, SYS_KILL] = [1, 2, 7, 26, 37];
const WNOHANG = 1;
const WUNTRACED = 2;
const [INIT, A, B, C, D] = [1, 2, 3, 4, 5];
const EXIT_CODE = 7;

// ---- the machine -----------------------------------------------------------------------------------------------------------

const [IDLE, NUMBER, ARGS, RESULT, STATUS, INFO] = [0, 4, 8, 0x18, 0x1c, 0x40].map((offset) => SCRATCH + offset);

/** How often a process looks for its next call, and sleeps until then. */
const POLL_NS = 200_000;

class Puppets {
  private readonly run: Run;
  private untilNs = 0;

  constructor(cores: number) {
    const args = [0, 1, 2, 3].map((n) => at(ARGS! + 4 * n));
    const puppet = program((p) =>
      p.set(IDLE!, 1).forever((body) =>
        body
          .sleep(POLL_NS)
          .load(IDLE!)
          .ifZero((call) =>
            call
              .sys(0, at(NUMBER!), ...args)
              .store(RESULT!)
              .set(IDLE!, 1),
          ),
      ),
    );
    this.run = new Run({ puppet }, { cores });
    expect(this.run.start('puppet')).toBe(A);
    this.settle();
    expect([this.call(A, SYS_FORK), this.call(A, SYS_FORK), this.call(B, SYS_FORK)]).toEqual([B, C, D]);
  }

  /** Time for every process to do what it has to. */
  private settle(): void {
    this.untilNs += 20 * POLL_NS;
    this.run.go(this.untilNs, 1e6);
  }

  private word(pid: number, address: number): number {
    return new DataView(this.memory(pid).peek(address, 4).buffer).getInt32(0, true);
  }

  private memory(pid: number) {
    const { kernel } = this.run.system;
    return kernel.space(kernel.findProc(pid)!.vmspace);
  }

  /** The result of a system call that a process makes, or its errno negated. */
  call(pid: number, ...numberAndArgs: number[]): number {
    this.memory(pid).poke(NUMBER!, new Uint8Array(Int32Array.from(numberAndArgs).buffer));
    this.memory(pid).poke(IDLE!, new Uint8Array(4));
    this.settle();
    if (numberAndArgs[0] === SYS_EXIT) return 0;
    expect(this.word(pid, IDLE!)).toBe(1);
    return this.word(pid, RESULT!);
  }

  waitStatus = (pid: number): number => this.word(pid, STATUS!);
  flags = (pid: number): number => this.word(pid, INFO! + 8);

  /** What ps would show: state and parent. */
  shown(pid: number): string {
    const p = this.run.system.kernel.findProc(pid);
    if (!p) return 'gone';
    return `${p.state === 'zombie' ? 'zombie' : p.stopped} under ${p.ppid}${p.traced ? ', traced' : ''}`;
  }
}

// ---- the model -------------------------------------------------------------------------------------------------------------

interface Tracee {
  readonly pid: number;
  state: 'runs' | 'stopped' | 'zombie' | 'gone';
  real: number;
  tracer: number | null;
  /** Of a stop: whether for the tracer, its wait status, pl_flags and whether wait4 has told of it. Of a zombie: its status. */
  forTracer: boolean;
  status: number;
  flags: number;
  told: boolean;
  pending: number[];
  answer: number;
  syscallStops: number;
  atEntry: boolean;
  steps: boolean;
}

interface Model {
  readonly tracees: readonly Tracee[];
  isBAlive: boolean;
}

const newTracee = (pid: number, real: number): Tracee => ({
  ...{ pid, real, state: 'runs', tracer: null, forTracer: false, status: 0, flags: 0, told: false, pending: [] },
  ...{ answer: 0, syscallStops: 0, atEntry: false, steps: false },
});

const above = (t: Tracee): number => t.tracer ?? t.real;

function stop(t: Tracee, signo: number, flags: number, forTracer = true): void {
  Object.assign(t, { state: 'stopped', status: (signo << 8) | 0x7f, flags, told: false, forTracer });
}

function die(t: Tracee, status: number): void {
  Object.assign(t, { state: above(t) === INIT ? 'gone' : 'zombie', status, pending: [] });
}

function act(t: Tracee, signo: number): void {
  if (signo === SIGSTOP) stop(t, signo, 0, false);
  else if (signo === SIGTERM || signo === SIGHUP) die(t, signo);
}

/** What becomes of a tracee that runs: it goes on until it stops, ends or has nothing more to do. */
function goOn(t: Tracee): void {
  while (t.state === 'runs') {
    const [next] = t.pending;
    if (t.answer === SIGKILL || t.pending.includes(SIGKILL)) die(t, SIGKILL);
    else if (t.atEntry) {
      t.atEntry = false;
      if (t.tracer && t.syscallStops & PL_FLAG_SCX) stop(t, SIGTRAP, PL_FLAG_SCX);
    } else if (t.answer) {
      act(t, t.answer);
      t.answer = 0;
    } else if (next) {
      t.pending.shift();
      if (t.tracer) stop(t, next, PL_FLAG_SI);
      else act(t, next);
    } else if (t.tracer && t.syscallStops & PL_FLAG_SCE) {
      t.atEntry = true;
      stop(t, SIGTRAP, PL_FLAG_SCE);
    } else if (t.tracer && t.syscallStops) stop(t, SIGTRAP, PL_FLAG_SCX);
    else if (t.steps) stop(t, SIGTRAP, PL_FLAG_SI);
    else return;
  }
}

function send(t: Tracee, signo: number): void {
  const isIgnored = signo === SIGWINCH;
  if (t.state === 'zombie' || (!t.tracer && isIgnored)) return;
  if (signo === SIGCONT) t.pending = t.pending.filter((s) => s !== SIGSTOP);
  if (signo === SIGSTOP) t.pending = t.pending.filter((s) => s !== SIGCONT);
  const isHeld = t.state === 'stopped' && !t.forTracer;
  if (isHeld && signo === SIGSTOP) return;
  // It waits for the tracer, and acts as soon as that lets the process go on.
  const waits = t.state === 'stopped' && t.tracer !== null;
  if ((signo === SIGKILL && !waits) || (isHeld && signo === SIGCONT)) t.state = 'runs';
  if (signo !== SIGCONT || t.tracer) t.pending = [...new Set([...t.pending, signo])].sort((a, b) => a - b);
  goOn(t);
}

/** What a request to a tracee answers that is not stopped for this tracer; 0: it is. */
function refusal(t: Tracee, by: number): number {
  if (t.state === 'zombie' || t.state === 'gone') return -ESRCH;
  if (!t.tracer) return -EPERM;
  return t.tracer === by && t.state === 'stopped' && t.told ? 0 : -EBUSY;
}

function attach(t: Tracee, by: number): number {
  if (t.state === 'zombie' || t.state === 'gone') return -ESRCH;
  if (t.tracer) return -EBUSY;
  t.tracer = by;
  t.state = 'runs';
  send(t, SIGSTOP);
  return 0;
}

function resume(t: Tracee, by: number, request: number, data: number): number {
  const refused = refusal(t, by);
  if (refused) return refused;
  if (request === PT_TO_SCE || request === PT_SYSCALL) t.syscallStops |= PL_FLAG_SCE;
  if (request === PT_TO_SCX || request === PT_SYSCALL) t.syscallStops |= PL_FLAG_SCX;
  if (request === PT_DETACH) t.tracer = null;
  t.steps = request === PT_STEP;
  t.answer = data || t.answer;
  t.state = 'runs';
  goOn(t);
  return 0;
}

/** wait4(2) with WNOHANG and WUNTRACED: the result, and the status when it told something. */
function wait(t: Tracee, by: number): { result: number; status?: number } {
  if (t.state === 'gone' || (t.real !== by && t.tracer !== by)) return { result: -ECHILD };
  const { status } = t;
  if (above(t) !== by) return { result: 0 };
  if (t.state === 'stopped' && !t.told) t.told = true;
  else if (t.state !== 'zombie') return { result: 0 };
  else if (t.tracer && t.tracer !== t.real) {
    t.tracer = null;
    if (t.real === INIT) t.state = 'gone';
  } else t.state = 'gone';
  return { result: t.pid, status };
}

/** B ends: what it traced is killed, its children are init's. All are in one process group, which was orphaned before. */
function endOfB(m: Model): void {
  m.isBAlive = false;
  for (const t of m.tracees) {
    const wasTraced = t.tracer === B;
    const wasBelow = above(t) === B;
    if (t.real === B) t.real = INIT;
    if (wasTraced) t.tracer = null;
    if (!wasBelow) continue;
    if (t.state === 'zombie' && t.real === INIT) t.state = 'gone';
    else if (wasTraced) send(t, SIGKILL);
  }
}

// ---- commands --------------------------------------------------------------------------------------------------------------

type Command = fc.Command<Model, Puppets>;

const shownBy = (t: Tracee): string => {
  if (t.state === 'gone') return 'gone';
  const state = t.state === 'stopped' ? (t.forTracer ? 'trace' : 'signal') : t.state === 'runs' ? 'no' : 'zombie';
  return `${state} under ${above(t)}${t.tracer ? ', traced' : ''}`;
};

function command(text: string, by: number, run: (m: Model, real: Puppets) => void): Command {
  return {
    check: (m) => by !== B || m.isBAlive,
    toString: () => text,
    run: (m, real) => {
      run(m, real);
      expect(m.tracees.map((t) => real.shown(t.pid))).toEqual(m.tracees.map(shownBy));
    },
  };
}

const tracer = fc.constantFrom(A!, B!);
const index = fc.constantFrom(0, 1);
const PIDS = [C!, D!];

// Whether an attached process stops first for SIGSTOP or at the exit of the call in which it sleeps depends on whether it sleeps.
const attaches = fc.tuple(tracer, index).map(
  ([by, n]): Command => ({
    ...command(`${by} attaches to ${PIDS[n]}`, by!, (m, real) => {
      expect(real.call(by, SYS_PTRACE!, PT_ATTACH, PIDS[n]!, 0, 0)).toBe(attach(m.tracees[n]!, by));
    }),
    check: (m) => (by !== B || m.isBAlive) && (m.tracees[n]!.tracer !== null || m.tracees[n]!.syscallStops === 0),
  }),
);

const REQUESTS = { PT_CONTINUE, PT_STEP, PT_DETACH, PT_KILL, PT_TO_SCE, PT_TO_SCX, PT_SYSCALL } as const;
const resumes = fc
  .tuple(tracer, index, fc.constantFrom(...(Object.keys(REQUESTS) as (keyof typeof REQUESTS)[])), data())
  .map(([by, n, name, signo]) =>
    command(`${by} ${name} ${PIDS[n]} with ${signo}`, by, (m, real) => {
      const request = REQUESTS[name];
      const expected = resume(m.tracees[n]!, by, request, request === PT_KILL ? SIGKILL! : signo);
      expect(real.call(by, SYS_PTRACE!, request, PIDS[n]!, 1, signo)).toBe(expected);
    }),
  );

function data() {
  return fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 1, arbitrary: fc.constantFrom(SIGTERM!, SIGCHLD!) },
  );
}

const kills = fc
  .tuple(tracer, index, fc.constantFrom(SIGTERM!, SIGSTOP!, SIGCONT!, SIGWINCH!, SIGWINCH!, SIGSTOP!, SIGKILL!))
  .map(([by, n, signo]) =>
    command(`${by} sends ${signo} to ${PIDS[n]}`, by, (m, real) => {
      const t = m.tracees[n]!;
      const expected = t.state === 'gone' ? -ESRCH : 0;
      if (expected === 0) send(t, signo);
      expect(real.call(by, SYS_KILL!, PIDS[n]!, signo, 0, 0)).toBe(expected);
    }),
  );

const waits = fc.tuple(tracer, index).map(([by, n]) =>
  command(`${by} waits for ${PIDS[n]}`, by, (m, real) => {
    const { result, status } = wait(m.tracees[n]!, by);
    expect(real.call(by, SYS_WAIT4!, PIDS[n]!, STATUS!, WNOHANG | WUNTRACED, 0)).toBe(result);
    if (status !== undefined) expect(real.waitStatus(by)).toBe(status);
  }),
);

const asks = fc.tuple(tracer, index).map(([by, n]) =>
  command(`${by} asks for the event of ${PIDS[n]}`, by, (m, real) => {
    const t = m.tracees[n]!;
    const expected = refusal(t, by);
    expect(real.call(by, SYS_PTRACE!, PT_LWPINFO, PIDS[n]!, INFO!, 132)).toBe(expected);
    if (expected === 0) expect(real.flags(by)).toBe(t.forTracer ? t.flags : 0);
  }),
);

const exits = index.map(
  (n): Command => ({
    ...command(`${PIDS[n]} exits`, A!, (m, real) => {
      die(m.tracees[n]!, EXIT_CODE << 8);
      real.call(PIDS[n]!, SYS_EXIT!, EXIT_CODE);
    }),
    check: (m) => m.tracees[n]!.state === 'runs',
  }),
);

const tracerDeath = fc.constant(
  command('B exits', B!, (m, real) => {
    endOfB(m);
    real.call(B!, SYS_EXIT!, 0);
  }),
);

describe('tracers and tracees', () => {
  for (const cores of [1, 2])
    it(`do what the model says in every order, on ${cores} cores`, () => {
      const commands = fc.commands(
        [
          attaches,
          waits,
          waits,
          resumes,
          resumes,
          asks,
          kills,
          exits,
          fc.oneof({ weight: 1, arbitrary: tracerDeath }, { weight: 3, arbitrary: waits }),
        ],
        { maxCommands: 40, size: 'max' },
      );
      fc.assert(
        fc.property(commands, (all) => {
          fc.modelRun(() => {
            const model: Model = { tracees: [newTracee(C!, A!), newTracee(D!, B!)], isBAlive: true };
            return { model, real: new Puppets(cores) };
          }, all);
        }),
        property(25),
      );
    });
});
