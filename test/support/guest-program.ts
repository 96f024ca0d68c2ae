/** A run of small guest programs (src/testing/guest-program.ts) on a System, and what they logged. */

import type { Stop } from '../../emu/machine/machine.ts';
import type { TraceEvent, TraceEventKind } from '../../kernel-sim/kern/events.ts';
import { System, type SystemConfig } from '../../src/system.ts';
import { type GuestProgram, LOG_BYTES, program, UNWRITTEN } from '../../src/testing/guest-program.ts';

export { at, DATA, GuestProgram, program, SCRATCH, TEXT } from '../../src/testing/guest-program.ts';

export type EventOf<K extends TraceEventKind> = Extract<TraceEvent, { kind: K }>;

/** Programs on a machine, run to an end. */
export class Run {
  readonly system: System;
  private readonly programs: Record<string, GuestProgram>;

  constructor(programs: Record<string, GuestProgram>, config: SystemConfig = {}) {
    this.programs = programs;
    this.system = new System({ cores: 1, cycleNs: 100, paranoid: true, consoleIsTty: false, ...config });
    for (const [name, p] of Object.entries(programs)) this.system.install({ path: `/bin/${name}`, bytes: p.elf() });
  }

  start(name: string, more: Partial<Parameters<System['spawn']>[0]> = {}): number {
    return this.system.spawn({ path: `/bin/${name}`, args: [name], ...more });
  }

  go(untilNs = 20e9, instructions = 5_000_000): Stop {
    return this.system.run({ untilNs, instructions });
  }

  events<K extends TraceEventKind>(kind: K): EventOf<K>[] {
    return this.system.events.filter((event): event is EventOf<K> => event.kind === kind);
  }

  /** What a process logged under a program's names. */
  logOf(pid: number, name = Object.keys(this.programs)[0]!): Record<string, number> {
    const found = this.events('output').filter((event) => event.pid === pid);
    const text = found.map((event) => event.text).join('');
    const bytes = Uint8Array.from(text, (c) => c.charCodeAt(0));
    const values: Record<string, number> = {};
    if (bytes.length < LOG_BYTES) return values;
    const view = new DataView(bytes.buffer, bytes.length - LOG_BYTES);
    this.programs[name]!.names.forEach((label, n) => {
      const value = view.getInt32(4 * n, true);
      if (value !== UNWRITTEN) values[label] = value;
    });
    return values;
  }

  exitOf(pid: number): { code: number; signal: number } | undefined {
    const event = this.events('exit').find((e) => e.pid === pid);
    return event && { code: event.code, signal: event.signal };
  }

  state(pid: number): { state: string; stopped: string; thread: string } | undefined {
    const { kernel } = this.system;
    const p = kernel.findProc(pid);
    if (!p) return undefined;
    const td = p.threads[0] && kernel.state.threads.get(p.threads[0]);
    return { state: p.state, stopped: p.stopped, thread: td ? td.state : 'none' };
  }
}

/** One program on its own, to its end: its log, and what became of it. */
export function runOne(
  build: (p: GuestProgram) => void,
  config: SystemConfig = {},
): { run: Run; log: Record<string, number>; stop: Stop; pid: number } {
  const run = new Run({ main: program(build) }, config);
  const pid = run.start('main');
  const stop = run.go();
  return { run, log: run.logOf(pid), stop, pid };
}
