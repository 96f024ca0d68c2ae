import type { FaultEffect, FaultSpec, Register } from '../../emu/faults/plan.ts';
import type { DetectedBy } from '../../kernel-sim/kern/fault-report.ts';
import type { Outcome } from '../recovery/outcome.ts';
import type { ScenarioInput } from './schema.ts';

/*
 * Scenarios as TypeScript: package export `coreback/scenario`. What comes out is the same value that a JSON file holds, so everything
 * that docs/scenarios.md says of keys holds here too. Durations are texts: '5s', '250ms', '1.5s'.
 */

type Machine = NonNullable<ScenarioInput['machine']>;
type StepInput = ScenarioInput['script'][number];
type ExpectationInput = ScenarioInput['expect'][number];
type Stop = Extract<ExpectationInput, { stop: unknown }>['stop'];

/** A program that the script has started, to speak of it later. */
export interface Program {
  /** Its name in the script; PARENT/CHILD for what it has forked. */
  readonly name: string;
  /** Its name as a process, as ps shows it. */
  readonly process: string;
  /** What it forks under this process name. */
  child(process: string): Program;
}

export interface RunOptions {
  /** Name for the script and the report; the name of the program when absent. Two programs need two names. */
  readonly as?: string;
  /** -20 to 20. */
  readonly nice?: number;
  /** CPUs on which it may run: '0,1,3', '0-2', 'all'. */
  readonly cpus?: string;
}

/** Where a fault strikes: a core, or the core that runs a program then (or is the first to run it later). */
export type Victim = Program | { readonly core: number };

const isProgram = (victim: Victim): victim is Program => 'process' in victim;

class StartedProgram implements Program {
  readonly name: string;
  readonly process: string;

  constructor(name: string, process: string) {
    this.name = name;
    this.process = process;
  }

  child(process: string): Program {
    return new StartedProgram(`${this.name}/${process}`, process);
  }
}

/** What happens at one time. */
export class Moment {
  private readonly at: string;
  private readonly script: StepInput[];

  constructor(at: string, script: StepInput[]) {
    this.at = at;
    this.script = script;
  }

  /** Starts a program of /bin with its arguments. `${pid:NAME}` is the pid of what was started under that name. */
  run(command: string, options: RunOptions = {}): Program {
    this.script.push({ at: this.at, run: command, ...options });
    const [path] = command.trim().split(/\s+/);
    const process = path!.slice(path!.lastIndexOf('/') + 1);
    return new StartedProgram(options.as ?? process, process);
  }

  /** Sends a signal: 'INT', 'SIGINT'. */
  kill(program: Program, signal = 'TERM'): this {
    this.script.push({ at: this.at, kill: program.name, signal });
    return this;
  }

  /** A core stops for good. */
  fail(victim: Victim): this {
    this.script.push({ at: this.at, fail: isProgram(victim) ? { process: victim.process } : victim });
    return this;
  }

  /** Any other fault: `{ model: 'bit-flip', target: { in: 'register', register: 'eax' }, bit: 3 }`. */
  fault(effect: FaultEffect, victim: Victim): this {
    const where = isProgram(victim) ? { process: victim.process } : victim;
    this.script.push({ at: this.at, fault: { ...effect, ...where } } as StepInput);
    return this;
  }
}

/** A stretch of virtual time that begins here and lasts to the end of the run. */
export interface From {
  readonly from?: string;
}

/** What must be true of one program. Each call adds one expectation. */
export class ProgramExpectations {
  private readonly name: string;
  private readonly expect: ExpectationInput[];

  constructor(program: Program, expect: ExpectationInput[]) {
    this.name = program.name;
    this.expect = expect;
  }

  /** It ended with this exit code. */
  exits(code = 0): this {
    return this.add({ process: this.name, exit: code });
  }

  /** This signal ended it: 'INT', 'SIGSEGV'. */
  diesOf(signal: string): this {
    return this.add({ process: this.name, signal });
  }

  /** It wrote just this, seen through rollbacks. */
  writes(output: string): this {
    return this.add({ process: this.name, output });
  }

  /** What it wrote, seen through rollbacks, matches. Flags of the expression do not count. */
  writesMatch(pattern: RegExp): this {
    return this.add({ process: this.name, outputMatches: pattern.source });
  }

  /** It wrote the numbers from first to last, one a line. */
  counts(first: number, last: number): this {
    return this.add({ process: this.name, counts: [first, last] });
  }

  /** Its first number follows the last that `before` wrote, or comes at most so many lines before that. */
  continues(before: Program, { atMost }: { readonly atMost: number }): this {
    return this.add({ process: this.name, continues: before.name, atMost });
  }

  runsOnlyOn(cores: readonly number[], when: From = {}): this {
    return this.add({ process: this.name, onlyOn: [...cores], ...when });
  }

  neverRunsOn(cores: readonly number[], when: From = {}): this {
    return this.add({ process: this.name, neverOn: [...cores], ...when });
  }

  /** It was brought back after a core fault, at least so many times. */
  isRecovered(times = 1): this {
    return this.add({ process: this.name, recovered: times });
  }

  /** Its nice value, and the cores on which it may run, at its end. */
  hasNice(nice: number, affinity?: readonly number[]): this {
    return this.add({ process: this.name, nice, ...(affinity ? { affinity: [...affinity] } : {}) });
  }

  /** 32-bit words of its memory by symbol ('counter', 'table+8') or address ('0x08060000'); at the end of the run without a time. */
  holds(memory: Readonly<Record<string, number>>, at?: string): this {
    return this.add({ process: this.name, memory: { ...memory }, ...(at === undefined ? {} : { at }) });
  }

  /** Its registers; at the end of the run without a time. */
  hasRegisters(registers: Readonly<Partial<Record<Register, number>>>, at?: string): this {
    return this.add({ process: this.name, registers: { ...registers }, ...(at === undefined ? {} : { at }) });
  }

  private add(expectation: ExpectationInput): this {
    this.expect.push(expectation);
    return this;
  }
}

/** What must be true of a file in the guest's tree when the run is over. */
export class FileExpectations {
  private readonly file: string;
  private readonly expect: ExpectationInput[];

  constructor(file: string, expect: ExpectationInput[]) {
    this.file = file;
    this.expect = expect;
  }

  holds(text: string): void {
    this.expect.push({ file: this.file, text });
  }

  matches(pattern: RegExp): void {
    this.expect.push({ file: this.file, matches: pattern.source });
  }

  exists(exists = true): void {
    this.expect.push({ file: this.file, exists });
  }
}

/** What must be true of the whole run. Each call adds one expectation. */
export class RunExpectations {
  private readonly expect: ExpectationInput[];

  constructor(expect: ExpectationInput[]) {
    this.expect = expect;
  }

  /** One of these outcomes (docs/outcomes.md). */
  outcome(...outcomes: Outcome[]): this {
    return this.add({ outcome: outcomes });
  }

  /** Every process has ended. */
  finishes(): this {
    return this.stops('finished');
  }

  stops(stop: Stop): this {
    return this.add({ stop });
  }

  detectedWithin(time: string): this {
    return this.add({ detectedWithin: time });
  }

  /** Every core fault was noticed before the core had retired more instructions than this after it. */
  detectedWithinInstructions(count: number): this {
    return this.add({ detectedWithinInstructions: count });
  }

  /** Something was noticed, and whatever was noticed was noticed by one of these. */
  detectedBy(...detectors: readonly DetectedBy[]): this {
    return this.add({ detectedBy: [...detectors] });
  }

  /** Whatever was lost with a core ran again within this time of the fault. */
  recoveredWithin(time: string): this {
    return this.add({ recoveredWithin: time });
  }

  /** So many recoveries of all programs together. */
  rollbacks(count: number | { readonly min?: number; readonly max?: number }): this {
    return this.add({ rollbacks: count });
  }

  /** Recovered processes kept pid, parent, priority, nice, affinity and pending signals; no dead core ran anything. */
  contractHolds(): this {
    return this.add({ contractHolds: true });
  }

  deadCoresStayIdle(): this {
    return this.add({ deadCoresIdle: true });
  }

  /** Just these cores ran something in this stretch. */
  busyCores(cores: readonly number[], during: { readonly from: string; readonly to: string }): this {
    return this.add({ ...during, busyCores: [...cores] });
  }

  /** A line of the kernel's log matches. */
  logMatches(pattern: RegExp): this {
    return this.add({ logMatches: pattern.source });
  }

  private add(expectation: ExpectationInput): this {
    this.expect.push(expectation);
    return this;
  }
}

/** What `scenario` hands to its function. */
export class ScenarioBuilder {
  private machineInput: Machine = {};
  private readonly script: StepInput[] = [];
  private readonly expectations: ExpectationInput[] = [];

  /** The machine; every key has a default. */
  machine(machine: Machine): void {
    this.machineInput = machine;
  }

  /** A moment in virtual time, at which something is done. */
  at(time: string): Moment {
    return new Moment(time, this.script);
  }

  /** A fault with a trigger of its own: `{ model: 'fail-stop', trigger: { at: 'checkpoint', nth: 2 } }`. */
  fault(fault: FaultSpec): void {
    this.script.push({ fault } as StepInput);
  }

  expect(program: Program): ProgramExpectations {
    return new ProgramExpectations(program, this.expectations);
  }

  expectRun(): RunExpectations {
    return new RunExpectations(this.expectations);
  }

  expectFile(path: string): FileExpectations {
    return new FileExpectations(path, this.expectations);
  }

  build(name: string, about: string): ScenarioInput {
    return { name, about, machine: this.machineInput, script: this.script, expect: this.expectations };
  }
}

/** A scenario: its name (lower case letters, digits, hyphens), what it shows, and a function that says what happens and what must be true. */
export function scenario(name: string, about: string, write: (s: ScenarioBuilder) => void): ScenarioInput {
  const builder = new ScenarioBuilder();
  write(builder);
  return builder.build(name, about);
}
