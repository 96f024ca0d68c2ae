import type { Engine } from '../../emu/core/engine.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import type { System } from '../system.ts';
import { type ClassSink, type PointSink, RegisterTracer } from './register-trace.ts';

/** Events at which the kernel has no business with any thread's registers. All others count as a use of all of them. */
export const HARMLESS: ReadonlySet<TraceEvent['kind']> = new Set([
  'switch',
  'output',
  'priority',
  'affinity',
  'migrate',
  'log',
]);

/** What sees a traced run go by. */
export interface TraceCollector {
  readonly point: PointSink;
  readonly flips: ClassSink;
}

/**
 * Runs a system without faults, instruction by instruction, and lets the collectors see its points and classes of register flips.
 * `make` builds the system with the engine that it is given; `run` runs it to its end.
 */
export function traceRun(
  make: (engine: Engine) => System,
  run: (system: System) => void,
  collectors: readonly TraceCollector[],
): void {
  let system: System | null = null;
  const tracer = new RegisterTracer(
    new Interpreter(),
    (core) => system!.kernel.cpu(core as never).current,
    (flips) => {
      for (const collector of collectors) collector.flips(flips);
    },
    (core, instruction, thread, ordinal) => {
      for (const collector of collectors) collector.point(core, instruction, thread, ordinal);
    },
  );
  system = make(tracer);
  system.onEvent((event) => {
    if (!HARMLESS.has(event.kind)) tracer.kernelRead();
  });
  run(system);
  tracer.finish();
}
