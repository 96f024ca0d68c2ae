import { stopsForGood } from '../../emu/faults/plan.ts';
import { signalName } from '../../kernel-sim/abi/signal.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { byteSize, coreRanges, counted, duration, grouped, listed, shortMoment } from './format.ts';
import {
  type EventOf,
  type FaultStory,
  labelOf,
  type Mark,
  pidLabel,
  type Timeline,
  tellDetection,
} from './timeline.ts';

/** One sentence about one moment. */
export interface StoryLine {
  readonly ns: number;
  readonly kind: TraceEvent['kind'] | 'end' | 'fold';
  readonly text: string;
  /** Number of a restart step within its recovery, from 1; 0 for all other lines. */
  readonly step: number;
}

/** Of a longer row of lines of one kind, the first and the last stay, and a line that counts those between. */
const SAME_KIND_MAX = 6;
const KEPT_FIRST = 3;

/** The run in sentences, in order of time. Names are as the guest gave them: whoever prints them escapes them. */
export function tellStory(events: readonly TraceEvent[], timeline: Timeline): StoryLine[] {
  const lines = fold([...tellStart(events), ...tellMarks(timeline)].sort((a, b) => a.ns - b.ns));
  lines.push({ ns: timeline.endNs, kind: 'end', text: `the run ends; ${verdict(timeline)}`, step: 0 });
  return lines;
}

/** What came of the faults, in one clause. */
export function verdict({ faults, marks }: Timeline): string {
  const told = new Set(faults.map(({ core, atNs }) => `${core} ${atNs}`));
  const others = marks.filter((mark) => mark.kind === 'core-fault' && !told.has(`${mark.victim} ${mark.ns}`)).length;
  const more = others === 0 ? '' : `; ${counted(others, 'fault')} that left the cores running`;
  return `${verdictOnCores(faults)}${more}`;
}

function verdictOnCores(faults: readonly FaultStory[]): string {
  if (faults.length === 0) return 'no core failed';
  const recovered = faults.filter((fault) => fault.recoveredAtNs !== undefined).length;
  const undetected = faults.filter((fault) => fault.detectedAtNs === undefined).length;
  const failed = faults.filter((fault) => fault.recoveries.some((r) => r.outcome === 'failed')).length;
  const nothingToDo = faults.filter(
    (fault) => fault.detectedAtNs !== undefined && fault.recoveries.length === 0,
  ).length;
  const parts: string[] = [];
  if (recovered > 0) parts.push(`${recovered} recovered`);
  if (failed > 0) parts.push(`${failed} with a failed recovery`);
  if (undetected > 0) parts.push(`${undetected} not detected`);
  if (nothingToDo > 0) parts.push(`${nothingToDo} without a process to recover`);
  const rest = faults.length - recovered - failed - undetected - nothingToDo;
  if (rest > 0) parts.push(`${rest} with an unfinished recovery`);
  return `${counted(faults.length, 'core fault')}: ${parts.join(', ')}`;
}

function* tellStart(events: readonly TraceEvent[]): Generator<StoryLine, void, undefined> {
  for (const e of events) {
    if (e.kind === 'boot') {
      const clock = `${grouped(Math.round(1e3 / e.cycleNs))} MHz`;
      yield line(e, `the machine starts with ${counted(e.cores, 'core')} at ${clock}, seed ${e.seed}`);
    } else if (e.kind === 'exec') {
      yield line(e, `pid ${e.pid} executes ${[e.path, ...e.args.slice(1)].join(' ')}`);
    }
  }
}

function* tellMarks(timeline: Timeline): Generator<StoryLine, void, undefined> {
  const faultOf = (core: number, ns: number): FaultStory | undefined =>
    timeline.faults.findLast((fault) => fault.core === core && fault.atNs <= ns);
  const stepNumbers = new Map<EventOf<'restart-step'>, number>();
  for (const r of timeline.recoveries) r.steps.forEach((step, i) => void stepNumbers.set(step, i + 1));

  for (let i = 0; i < timeline.marks.length; i++) {
    const mark = timeline.marks[i]!;
    if (mark.kind === 'affinity') {
      const group = affinityGroup(timeline.marks, i);
      i += group.length - 1;
      yield line(mark, tellAffinity(timeline, group));
    } else if (mark.kind === 'restart-step') {
      const text = mark.detail === '' ? mark.step : `${mark.step}: ${mark.detail}`;
      yield { ...line(mark, text), step: stepNumbers.get(mark) ?? 0 };
    } else {
      yield line(mark, tellMark(timeline, mark, faultOf));
    }
  }
}

function tellMark(
  timeline: Timeline,
  mark: Exclude<Mark, EventOf<'affinity' | 'restart-step'>>,
  faultOf: (core: number, ns: number) => FaultStory | undefined,
): string {
  switch (mark.kind) {
    case 'checkpoint':
      return `checkpoint of ${pidLabel(timeline, mark.pid)}: ${mark.file}, ${byteSize(mark.bytes)}, a pause of ${duration(mark.pauseNs)}`;
    case 'core-fault': {
      const running = faultOf(mark.victim, mark.ns)?.running;
      const doing = running?.state === 'run' ? `while running ${labelOf(running)}` : 'while idle';
      const at = `at instruction ${grouped(mark.instruction)}`;
      return stopsForGood(mark.model)
        ? `core ${mark.victim} stops (${mark.model}) ${at} ${doing}`
        : `core ${mark.victim}, ${at}: ${mark.effect} (${mark.model})`;
    }
    case 'core-back':
      return `core ${mark.victim} is back and goes on`;
    case 'fault-detected':
      return `the ${tellDetection(mark)}${mark.core < 0 ? '' : `; core ${mark.core} takes the interrupt`}`;
    case 'core-removed':
      return `core ${mark.victim} is taken out of scheduling${mark.replacedBy < 0 ? '' : `, core ${mark.replacedBy} takes its place`}; ${coreList(mark.cpusLeft)} left`;
    case 'recovery-start':
      return (
        `recovery of ${pidLabel(timeline, mark.pid)}, lost with core ${mark.victim}, starts ` +
        (mark.file === '' ? 'without a checkpoint' : `from ${mark.file}`)
      );
    case 'recovery-done': {
      const fault = faultOf(mark.victim, mark.ns);
      const after = fault === undefined ? '' : `, ${duration(mark.ns - fault.atNs)} after the fault`;
      const lost =
        fault === undefined ? '' : `; ${duration(Math.max(0, fault.atNs - mark.fromNs))} of work is done again`;
      return `${pidLabel(timeline, mark.pid)} runs again${after}, from its state at ${shortMoment(mark.fromNs)}${lost}`;
    }
    case 'roll-forward':
      return `${pidLabel(timeline, mark.pid)} goes on without going back: ${mark.what}`;
    case 'discard':
      return `${pidLabel(timeline, mark.pid)}, made since the checkpoint, is to have never been: ${pidLabel(timeline, mark.parent)} will make it again`;
    case 'recovery-failed':
      return `recovery of ${pidLabel(timeline, mark.pid)} fails: ${mark.why}`;
    case 'exit': {
      const who = mark.name === '' ? pidLabel(timeline, mark.pid) : labelOf(mark);
      return mark.signal === 0
        ? `${who} exits with code ${mark.code}`
        : `${who} is ended by ${signalName(mark.signal)}`;
    }
  }
}

/** The marks from `i` on that came with one command: same time, same cores, same reason. */
export function affinityGroup(marks: readonly Mark[], i: number): EventOf<'affinity'>[] {
  const first = marks[i] as EventOf<'affinity'>;
  const group: EventOf<'affinity'>[] = [];
  for (let j = i; j < marks.length; j++) {
    const mark = marks[j]!;
    if (mark.kind !== 'affinity' || mark.ns !== first.ns || mark.why !== first.why) break;
    if (mark.cpus.join() !== first.cpus.join()) break;
    group.push(mark);
  }
  return group;
}

function tellAffinity(timeline: Timeline, group: readonly EventOf<'affinity'>[]): string {
  const first = group[0]!;
  const pids = [...new Set(group.map((e) => e.pid as number))];
  const who =
    pids.length <= 4 ? listed(pids.map((p) => pidLabel(timeline, p))) : counted(pids.length, 'process', 'processes');
  const where = first.cpus.length === 1 ? 'core' : 'cores';
  return `${who} may now run on ${where} ${coreRanges(first.cpus)} only${first.why === '' ? '' : ` (${first.why})`}`;
}

const coreList = (cpus: readonly number[]): string =>
  cpus.length === 0
    ? 'no core is'
    : `${cpus.length === 1 ? 'core' : 'cores'} ${coreRanges(cpus)} ${cpus.length === 1 ? 'is' : 'are'}`;

const line = (e: TraceEvent, text: string): StoryLine => ({ ns: e.ns, kind: e.kind, text, step: 0 });

/** Restart steps are never folded: they are the story. */
function fold(lines: readonly StoryLine[]): StoryLine[] {
  const out: StoryLine[] = [];
  for (let i = 0; i < lines.length; ) {
    let end = i + 1;
    while (end < lines.length && lines[end]!.kind === lines[i]!.kind) end++;
    if (end - i <= SAME_KIND_MAX || lines[i]!.kind === 'restart-step') out.push(...lines.slice(i, end));
    else {
      const hidden = end - i - KEPT_FIRST - 1;
      out.push(...lines.slice(i, i + KEPT_FIRST));
      out.push({
        ns: lines[i + KEPT_FIRST]!.ns,
        kind: 'fold',
        text: `… ${grouped(hidden)} more ${PLURALS[lines[i]!.kind] ?? 'lines'}`,
        step: 0,
      });
      out.push(lines[end - 1]!);
    }
    i = end;
  }
  return out;
}

const PLURALS: Readonly<Record<string, string>> = {
  checkpoint: 'checkpoints',
  exit: 'exits',
  exec: 'programs started',
  affinity: 'changes of affinity',
};
