import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildTimeline } from '../../../src/report/build-timeline.ts';
import { cpuHistoryText } from '../../../src/report/cpu-history-text.ts';
import { escapeTerminal } from '../../../src/report/escape.ts';
import { storyText, timelineText } from '../../../src/report/text.ts';
import { anyRun, failedRecovery, handMadeRun } from './fixture.ts';

const SEED = 20120101;
const { events, shape } = handMadeRun();
const timeline = buildTimeline(events, shape);

describe('the timeline for a terminal', () => {
  it('draws a row per core, marks below, and a legend', () => {
    const lines = timelineText(events, timeline, { width: 72, ascii: true }).split('\n');
    expect(lines.slice(0, 8)).toEqual([
      '      s 0         5          10        15         20        25        30',
      '       ++---------+----------+---------+----------+---------+---------++',
      'core 0 |BBBBb.BBBBBBB............e.....dDDDDDDDDDDBBBBCCCCCCCDDDDDD....|',
      'core 1 |CCCCCCCCCCCCCCCCCCCCCCCCCDDDDDDDCCCCCCCCCC.....................|',
      'core 2 |DDDDDDDDDDDDDDDDDDDDDDDDD######################################|',
      'core 3 |..............bBBBBBBBBBBBBBBBBBBBBBBBBBBB.....................|',
      '       +---------------------------------------------------------------+',
      '                  C          C   X!R              ^',
    ]);
    expect(lines.join('\n')).toContain('B shell[10] 16.7 %');
    expect(lines).toContain('Close-up of the fault of core 2');
  });

  it('tells the story in sentences, steps numbered', () => {
    const story = storyText([...events, ...failedRecovery], buildTimeline([...events, ...failedRecovery], shape), {
      width: 140,
    });
    for (const sentence of [
      ' 12.000000000 s  core 2 stops (fail-stop) at instruction 1,200,000,000 while running count[12]\n',
      ' 12.011000000 s  the fault of core 2 is detected after 11.0 ms (3 answers missed); core 0 takes the interrupt\n',
      ' 12.011000500 s  core 2 is taken out of scheduling; cores 0, 1 and 3 are left\n',
      ' 12.030000000 s    4. memory: 12 LOAD segments, 1.2 MB\n',
      ' 12.044000000 s  count[12] runs again, 44.0 ms after the fault, from its state at 10 s; 2.00 s of work is done again\n',
      ' 20.000000000 s  shell[10] and spin[11] may now run on core 0 only (cpuset)\n',
      ' 28.000000000 s  count[12] is ended by SIGINT\n',
      ' 29.012000000 s  recovery of spin[11] fails: no checkpoint of pid 11\n',
      ' 30.000000000 s  the run ends; 2 core faults: 1 recovered, 1 with a failed recovery\n',
    ]) {
      expect(story).toContain(sentence);
    }
  });

  it('keeps to its width, and to ASCII when asked', () => {
    fc.assert(
      fc.property(anyRun, fc.integer({ min: 40, max: 160 }), fc.boolean(), (run, width, ascii) => {
        const t = buildTimeline(run.events, run.shape);
        const text = timelineText(run.events, t, { width, ascii }) + cpuHistoryText(t, { width, ascii });
        for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(width);
        if (ascii) expect(text).toMatch(/^[\n -~]*$/);
      }),
      { seed: SEED, numRuns: 60 },
    );
  });

  it('does not let a guest steer the terminal', () => {
    const hostile = handMadeRun({ count: '\x1b[2J\x9b31m\u202eevil' });
    const text = timelineText(hostile.events, buildTimeline(hostile.events, hostile.shape));
    const steering = [...text].filter((c) => c !== '\n' && (c < ' ' || (c >= '\x7f' && c <= '\x9f') || c === '\u202e'));
    expect(steering).toEqual([]);
    expect(text).toContain('\\x1b[2J\\x9b31m\\u{202e}evil[12]');
    expect(escapeTerminal('é\ud800', true)).toBe('\\xe9\\u{d800}');
  });
});

describe('the CPU history for a terminal', () => {
  it('shows the load of each core and what a cpuset command did to it', () => {
    const lines = cpuHistoryText(timeline, { ascii: true, width: 70 }).split('\n');
    expect(lines[0]).toBe('CPU history, 0 s to 30 s (height: 0 to 100 % busy)');
    expect(lines).toContain('core 3  43.3 %|            ########################                  |');
    expect(lines).toContain('1: 20 s, 2 processes to core 0 (cpuset)');
    expect(lines).toContain('   core 0 50.2 % -> 80.0 %   core 1 100.0 % -> 0.0 %');
  });
});
