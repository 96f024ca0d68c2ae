import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { buildTimeline } from '../../../src/report/build-timeline.ts';
import { cpuHistorySvg } from '../../../src/report/cpu-history-svg.ts';
import { escapeMarkup } from '../../../src/report/escape.ts';
import { reportHtml } from '../../../src/report/html.ts';
import { PAGE_SCRIPT } from '../../../src/report/page-script.ts';
import { timelineSvg } from '../../../src/report/svg.ts';
import { anyRun, busyRun, failedRecovery, handMadeRun } from './fixture.ts';

const SEED = 20120101;

/** Every tag closes in order: what an XML parser would ask of an SVG, and enough to see an injected one. */
function expectBalanced(markup: string): Map<string, number> {
  const open: string[] = [];
  const tags = new Map<string, number>();
  for (const [, closing, name, , selfClosing] of markup.matchAll(
    /<(\/?)([a-zA-Z][\w:-]*)((?:[^"'<>]|"[^"<]*"|'[^'<]*')*?)(\/?)>/g,
  )) {
    if (closing) expect(open.pop()).toBe(name);
    else {
      tags.set(name!, (tags.get(name!) ?? 0) + 1);
      if (!selfClosing) open.push(name!);
    }
  }
  expect(open).toEqual([]);
  expect(markup.replace(/<\/?[a-zA-Z](?:[^"'<>]|"[^"<]*"|'[^'<]*')*>/g, '')).not.toContain('<');
  return tags;
}

const page = (run: ReturnType<typeof handMadeRun>): string =>
  reportHtml(run.events, buildTimeline(run.events, run.shape), { replay: 'coreback run x.json --seed 7' });
const withoutScript = (html: string): string =>
  html
    .replace(PAGE_SCRIPT, '')
    .replace('<!doctype html>', '')
    .replace(/<meta[^>]*>/g, '');

describe('the report page', () => {
  const hostile = [
    '<script>alert(1)</script>',
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    '</title></svg></pre><script>1</script>',
    ']]>&lt;<!--',
    '\u202e<b>\x00\x1b`',
  ];

  it('shows what a hostile guest wrote, and obeys none of it', () => {
    const tags = (html: string): Map<string, number> => {
      const found = expectBalanced(withoutScript(html));
      // Names too long for their slice are not written into it.
      found.delete('text');
      return found;
    };
    const tame = tags(page(handMadeRun()));
    for (const text of hostile) {
      const html = page(handMadeRun({ count: text.replaceAll('/', '\u2044'), output: `${text}\n` }));
      expect(tags(html)).toEqual(tame);
      expect(html).toContain(escapeMarkup(text.split('\n')[0]!));
      expect(withoutScript(html)).not.toMatch(/<[^>]*\son\w+\s*=/);
    }
  });

  it('escapes any text so that no markup is left and XML can hold it', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const safe = escapeMarkup(text);
        expect(safe).not.toMatch(/[<>"'`\ufffe\uffff]/);
        expect(
          [...safe].filter(
            (c) => c < ' ' || (c >= '\x7f' && c <= '\x9f') || (c >= '\ud800' && c <= '\udfff' && c.length === 1),
          ),
        ).toEqual([]);
        expect(safe.replace(/&(amp|lt|gt|quot|#39|#96);/g, '')).not.toContain('&');
      }),
      { seed: SEED },
    );
  });

  it('needs nothing from outside and admits no script but its own', () => {
    const html = page(handMadeRun());
    expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|\bsrc=|<link|@import|url\((?!#)/);
    expect(html.match(/<script/g)).toHaveLength(1);
    expect(html).toMatch(/script-src 'sha256-[A-Za-z0-9+/]{43}='/);
    expect(html).toContain('coreback run x.json --seed 7');
    expect(PAGE_SCRIPT).toMatch(/^[\n -~]*$/);
    expect(PAGE_SCRIPT).not.toMatch(/innerHTML|insertAdjacentHTML|<\/script/);
  });

  it('gives every figure a text alternative of its own', () => {
    const html = page(handMadeRun());
    const ids = [...html.matchAll(/\bid="([^"]+)"/g)].map((match) => match[1]);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, labels] of html.matchAll(/role="img" aria-labelledby="([^"]+)"/g)) {
      for (const id of labels!.split(' ')) expect(ids).toContain(id);
    }
    expect(html).toContain('Core 2 stops at 12.000000000 s, detected after 11.0 ms, recovered after 44.0 ms.');
  });

  it('is well formed for any run', () => {
    fc.assert(
      fc.property(anyRun, (run) => {
        const html = page(run);
        expectBalanced(withoutScript(html));
        expect(html).not.toMatch(/NaN|Infinity|undefined,/);
      }),
      { seed: SEED, numRuns: 40 },
    );
  });

  it('stays small for a run of many switches on 32 cores with 200 processes', () => {
    const run = busyRun({ seed: 9, cores: 32, processes: 200, switches: 200_000, faults: 3 });
    expect(page(run).length).toBeLessThan(2_000_000);
  });

  it('tells of a failed recovery', () => {
    const run = handMadeRun();
    expect(page({ ...run, events: [...run.events, ...failedRecovery] })).toContain(
      'recovery of spin[11] fails: no checkpoint of pid 11',
    );
  });
});

describe('the figures alone', () => {
  it('are well-formed SVG with a style of their own', () => {
    const run = handMadeRun({ count: '<&>\x07' });
    const timeline = buildTimeline(run.events, run.shape);
    for (const svg of [timelineSvg(timeline, { title: 'A & B' }), cpuHistorySvg(timeline, { title: 'A < B' })]) {
      expect(svg).toMatch(/^<svg xmlns="http:\/\/www.w3.org\/2000\/svg"/);
      expect(svg).toContain('prefers-color-scheme:dark');
      expectBalanced(svg);
    }
  });

  it('draw the dead core as dead from the fault on', () => {
    const run = handMadeRun();
    const svg = timelineSvg(buildTimeline(run.events, run.shape));
    // The plot is 1096 wide from x = 84; 12 s of 30 s.
    expect(svg).toMatch(/<rect x="522.4" width="657.6" y="\d+" height="30" fill="url\(#cb-h\)"><title>core 2 is dead/);
  });
});
