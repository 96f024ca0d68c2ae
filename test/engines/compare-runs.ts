import { CoreState } from '../../emu/core/core-state.ts';
import type { Engine } from '../../emu/core/engine.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import type { JitEngine } from '../../emu/jit/jit-engine.ts';
import { type Divergence, LockstepEngine } from '../../emu/lockstep/lockstep-engine.ts';
import { AddressSpace } from '../../emu/memory/address-space.ts';
import { Parted, type PieceStart, TrailEngine, type TrailOptions } from './trail.ts';

/** What came of one thing that both engines did. */
export interface Comparison {
  /** Instructions whose end was compared. */
  readonly instructions: number;
  /** How often all registers were compared. */
  readonly comparisons: number;
  /** Of the instructions, those that translated code did. */
  readonly translated: number;
  /** One text for each difference. */
  readonly differences: readonly string[];
}

/** A run from its beginning to its end; gives its digest. Runs of the same thing on equal engines are equal. */
export type WholeRun = (engine: Engine) => string;

/** A run on the interpreter, and the same run on the translating engine, which has to leave the same trail and give the same digest; this also on its own. */
export function compareRuns(run: WholeRun, newJit: () => JitEngine, options: TrailOptions): Comparison {
  const reference = new TrailEngine(new Interpreter(), options);
  const digest = run(reference);
  const jit = newJit();
  const follower = new TrailEngine(jit, options, reference.marks);
  const differences: string[] = [];
  try {
    const other = run(follower);
    if (other !== digest) differences.push(`digest ${digest}, translated ${other}`);
    else if (follower.marks.length !== reference.marks.length)
      differences.push(`${reference.marks.length} pieces, translated ${follower.marks.length}`);
    // Cores that take turns leave their registers in translated code as long as nobody looks: here nobody does.
    const unseen = run(newJit());
    if (unseen !== digest) differences.push(`digest ${digest}, translated and not looked at ${unseen}`);
  } catch (error) {
    if (!(error instanceof Parted)) throw error;
    differences.push(findPlace(run, newJit, options, error));
  }
  const { instructions, marks } = follower;
  return { instructions, comparisons: marks.length, translated: jit.statistics.translated, differences };
}

/** Both runs once more, up to the difference; memory is compared after every piece since it was last the same. */
function findPlace(run: WholeRun, newJit: () => JitEngine, options: TrailOptions, parted: Parted): string {
  const thorough = { ...options, thorough: { from: parted.lastWhole, to: parted.piece } };
  const reference = new TrailEngine(new Interpreter(), thorough);
  run(reference);
  const jit = newJit();
  try {
    run(new TrailEngine(jit, thorough, reference.marks));
  } catch (error) {
    if (!(error instanceof Parted)) throw error;
    return placeIn(error.start, jit, `after ${error.instructions} instructions: `) ?? error.message;
  }
  return `${parted.message} after ${parted.instructions} instructions; not when memory is compared more often`;
}

/** The piece alone, on copies: the first instruction after which something differs. */
export function placeIn({ core, memory, budget }: PieceStart, jit: JitEngine, prefix: string): string | null {
  if (memory === null) return null;
  const space = new AddressSpace();
  space.restore(memory);
  const lockstep = new LockstepEngine(new Interpreter(), jit);
  // What is hot now need not have been translated in this space.
  for (let attempt = 0; attempt < 20 && lockstep.divergences.length === 0; attempt++) {
    const copy = new CoreState(core.id, core.tables);
    copy.load(core.u8);
    copy.tscBase = core.tscBase;
    space.restore(memory);
    lockstep.run(copy, space, budget);
  }
  const [divergence] = lockstep.divergences;
  return divergence === undefined ? null : prefix + describeDivergence(divergence);
}

/** A divergence of translated code in one line. */
export function describeDivergence(d: Divergence): string {
  const what = d.differences.map((x) => `${x.what} ${x.first}, translated ${x.second}`).join('; ');
  return `${d.eip.toString(16)} ${d.instruction} (core ${d.core}${d.onlyAsAWhole ? ', only as part of a longer run' : ''}): ${what}`;
}
