import { sha256 } from '@noble/hashes/sha2.js';
import { signalName } from '../../kernel-sim/abi/signal.ts';
import type { TraceEvent } from '../../kernel-sim/kern/events.ts';
import { cpuHistory } from './cpu-history.ts';
import { cpuHistorySvg } from './cpu-history-svg.ts';
import { clipped, escapeMarkup, escapeMarkupLines } from './escape.ts';
import { FIGURE_STYLE, hueClass } from './figure-style.ts';
import { byteSize, coreRanges, counted, duration, grouped, moment, percent, shortMoment } from './format.ts';
import { PAGE_SCRIPT } from './page-script.ts';
import { PAGE_STYLE } from './page-style.ts';
import { castProcesses } from './palette.ts';
import { type StoryLine, tellStory, verdict } from './story.ts';
import { type ProcessSummary, summarise } from './summary.ts';
import { timelineSvg } from './svg.ts';
import { faultWindow, type Timeline } from './timeline.ts';

export interface HtmlOptions {
  readonly title?: string;
  /** One sentence under the title. */
  readonly subtitle?: string;
  /** The command that runs the same again. */
  readonly replay?: string;
  /** SHA-256 of the run, to compare. */
  readonly digest?: string;
  /** What the run was judged as, for example `recovered-exact`. */
  readonly outcome?: string;
}

const PROCESSES_MAX = 500;
const OUTPUT_MAX = 2_000;
const OUTPUT_TOTAL_MAX = 200_000;
const EVENTS_MAX = 2_000;
const EVENT_TEXT_MAX = 160;
const CLOSE_UPS_MAX = 4;

/** The report of a run as one HTML page: no external resource, works from a file, stays below some 2 MB however long the run. */
export function reportHtml(events: readonly TraceEvent[], timeline: Timeline, options: HtmlOptions = {}): string {
  const title = options.title ?? 'A run of coreback';
  const sections = [
    figureSection(timeline),
    closeUpSection(timeline),
    section('story', 'What happened', storyList(tellStory(events, timeline))),
    historySection(timeline),
    section('processes', 'Processes', processTable(events, timeline)),
    section('replay', 'Run it again', replay(options)),
    section('events', 'Events', eventTable(events)),
  ];
  // The only script that may run is ours, by its hash: text that slipped through as markup would still be inert.
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${sha256Base64(PAGE_SCRIPT)}'; base-uri 'none'; form-action 'none'`;
  return [
    '<!doctype html>',
    '<html lang="en">',
    '<head>',
    '<meta charset="utf-8">',
    `<meta http-equiv="Content-Security-Policy" content="${policy}">`,
    '<meta name="viewport" content="width=device-width, initial-scale=1">',
    '<meta name="color-scheme" content="light dark">',
    '<meta name="generator" content="coreback">',
    `<title>${escapeMarkup(title)}</title>`,
    `<style>\n${PAGE_STYLE}\n${FIGURE_STYLE}\n</style>`,
    '</head>',
    '<body>',
    '<main>',
    header(title, timeline, options),
    ...sections,
    '</main>',
    '<div id="tip" role="status" hidden></div>',
    `<script>${PAGE_SCRIPT}</script>`,
    '</body>',
    '</html>',
    '',
  ].join('\n');
}

const section = (id: string, heading: string, body: string): string =>
  `<section id="${id}" aria-labelledby="${id}-h"><h2 id="${id}-h">${escapeMarkup(heading)}</h2>\n${body}\n</section>`;

function header(title: string, timeline: Timeline, options: HtmlOptions): string {
  const { faults } = timeline;
  const checkpoints = timeline.marks.filter((mark) => mark.kind === 'checkpoint');
  const facts: [string, string, string][] = [
    ['Cores', String(timeline.cores), `${grouped(Math.round(1e3 / timeline.cycleNs))} MHz each`],
    ['Length of the run', duration(timeline.endNs), 'virtual time'],
    [
      'Processes',
      grouped(timeline.processes.length),
      counted(timeline.switchCount, 'context switch', 'context switches'),
    ],
    [
      'Checkpoints',
      grouped(checkpoints.length),
      checkpoints.length === 0 ? 'none' : byteSize(checkpoints.reduce((n, c) => n + c.bytes, 0)),
    ],
    ['Core faults', grouped(faults.length), faults.length === 0 ? 'none' : verdict(timeline).replace(/^.*: /, '')],
  ];
  const latencies = faults.flatMap((f) => (f.detectionLatencyNs === undefined ? [] : [f.detectionLatencyNs]));
  if (latencies.length > 0)
    facts.push(['Detection latency', duration(Math.max(...latencies)), 'from fault to interrupt']);
  const recoveries = faults.flatMap((f) => (f.recoveryNs === undefined ? [] : [f.recoveryNs]));
  if (recoveries.length > 0)
    facts.push(['Recovery', duration(Math.max(...recoveries)), 'from interrupt to running again']);
  if (options.outcome !== undefined) facts.push(['Outcome', options.outcome, 'as judged']);
  const cards = facts.map(
    ([name, value, note]) =>
      `<div class="fact"><dt>${escapeMarkup(name)}</dt><dd><b>${escapeMarkup(value)}</b><span>${escapeMarkup(note)}</span></dd></div>`,
  );
  const subtitle =
    options.subtitle ?? `${counted(timeline.cores, 'core')}, ${duration(timeline.endNs)}; ${verdict(timeline)}.`;
  return `<header><h1>${escapeMarkup(title)}</h1><p>${escapeMarkup(subtitle)}</p><dl class="facts">${cards.join('')}</dl></header>`;
}

function figureSection(timeline: Timeline): string {
  const jumps = timeline.faults
    .slice(0, 8)
    .map((fault) => jumpButton(`fault of core ${fault.core}`, fault.atNs, aroundNs(timeline, fault.atNs)))
    .join('');
  const tools =
    `<div id="tools" class="tools" role="toolbar" aria-label="Zoom the timeline" hidden>` +
    toolButton('in', '+', 'Zoom in') +
    toolButton('out', '−', 'Zoom out') +
    toolButton('left', '←', 'Earlier') +
    toolButton('right', '→', 'Later') +
    toolButton('all', 'whole run', 'Show the whole run') +
    `${jumps}<span id="where" class="where" aria-live="polite"></span></div>`;
  const hint =
    'With the timeline focused: + and − zoom, arrows move, 0 shows all. With a mouse: drag, double-click, Ctrl+wheel. A high column shared by several colours: each process has its share of that time.';
  return section(
    'timeline',
    'Cores by time',
    `${tools}<figure id="zoom" class="wide" tabindex="0" aria-label="Timeline of the cores; plus and minus zoom, arrow keys move, 0 shows the whole run" aria-describedby="zoom-hint">` +
      `${timelineSvg(timeline, { embedded: true, zoomable: true, idPrefix: 'tl' })}</figure><p id="zoom-hint" class="note">${hint}</p>`,
  );
}

/** How much time a jump to a fault shows: enough for its detection and recovery. */
function aroundNs(timeline: Timeline, atNs: number): number {
  const fault = timeline.faults.find((f) => f.atNs === atNs);
  const near = fault === undefined ? undefined : faultWindow(timeline, fault);
  return near === undefined ? Math.ceil(timeline.endNs / 20) : 2 * Math.max(near.toNs - atNs, atNs - near.fromNs);
}

const toolButton = (action: string, text: string, label: string): string =>
  `<button type="button" data-do="${action}" aria-label="${label}" title="${label}">${text}</button>`;
const jumpButton = (text: string, atNs: number, around: number): string =>
  `<button type="button" data-at="${atNs}" data-around="${around}" disabled>${escapeMarkup(text)}</button>`;

function closeUpSection(timeline: Timeline): string {
  const figures = timeline.faults.slice(0, CLOSE_UPS_MAX).flatMap((fault, i) => {
    const window = faultWindow(timeline, fault);
    if (window === undefined) return [];
    const caption = `Core ${fault.core}, from ${shortMoment(window.fromNs)} to ${shortMoment(window.toNs)}`;
    const svg = timelineSvg(timeline, { window, embedded: true, idPrefix: `cu${i}` });
    return [`<figure class="wide"><figcaption>${escapeMarkup(caption)}</figcaption>${svg}</figure>`];
  });
  return figures.length === 0
    ? ''
    : section('closeups', figures.length === 1 ? 'The fault, close up' : 'The faults, close up', figures.join('\n'));
}

function storyList(lines: readonly StoryLine[]): string {
  const items = lines.map((line) => {
    const tone = STORY_TONES[line.kind] ?? '';
    const when = line.kind === 'fold' ? '' : `<time>${moment(line.ns)}</time>`;
    const number = line.step > 0 ? `<b class="step">${line.step}</b> ` : '';
    return `<li class="${line.step > 0 ? 'is-step ' : ''}${tone}">${when}<span>${number}${escapeMarkup(line.text)}</span></li>`;
  });
  return `<ol class="story">${items.join('\n')}</ol>`;
}

const STORY_TONES: Readonly<Partial<Record<StoryLine['kind'], string>>> = {
  checkpoint: 'check',
  'core-fault': 'fault',
  'fault-detected': 'detect',
  'core-removed': 'detect',
  'recovery-done': 'ok',
  'recovery-failed': 'fault',
  'roll-forward': 'ok',
  affinity: 'move',
};

function historySection(timeline: Timeline): string {
  const svg = cpuHistorySvg(timeline, { embedded: true, idPrefix: 'hist' });
  const changes = cpuHistory(timeline, 1).changes.slice(0, 8);
  const tables = changes.map((change) => {
    const rows = change.before.map(
      (before, core) =>
        `<tr><th scope="row">core ${core}</th><td>${percent(before)}</td><td>${percent(change.after[core]!)}</td></tr>`,
    );
    const who = counted(change.pids.length, 'process', 'processes');
    const caption = `${shortMoment(change.ns)}: ${who} to ${change.cpus.length === 1 ? 'core' : 'cores'} ${coreRanges(change.cpus)}${change.why === '' ? '' : ` (${change.why})`}`;
    return `<table class="small"><caption>${escapeMarkup(caption)}</caption><thead><tr><th scope="col">busy</th><th scope="col">before</th><th scope="col">after</th></tr></thead><tbody>${rows.join('')}</tbody></table>`;
  });
  const compared =
    tables.length === 0
      ? ''
      : `<details${timeline.cores <= 8 ? ' open' : ''}><summary>Before and after each change of affinity</summary><div class="row">${tables.join('')}</div></details>`;
  return section('history', 'CPU history', `<figure class="wide">${svg}</figure>${compared}`);
}

function processTable(events: readonly TraceEvent[], timeline: Timeline): string {
  const { processes } = summarise(events, timeline);
  const { hueOf } = castProcesses(timeline);
  let outputLeft = OUTPUT_TOTAL_MAX;
  const rows = processes.slice(0, PROCESSES_MAX).map((p, i) => {
    const output = lastPart(p.output, Math.min(OUTPUT_MAX, outputLeft));
    outputLeft -= output.length;
    const shown =
      p.output === ''
        ? ''
        : `<details><summary>${byteSize(p.output.length)}</summary><pre>${escapeMarkupLines(output)}</pre></details>`;
    const swatch =
      p.cpuNs === 0
        ? ''
        : `<svg class="cb swatch" viewBox="0 0 12 12" aria-hidden="true"><rect class="${hueClass(hueOf[i]!)}" fill="currentColor" width="12" height="12" rx="2"/></svg>`;
    return (
      `<tr><td class="n">${p.pid}</td><td class="n">${p.ppid ?? ''}</td><th scope="row">${swatch}${escapeMarkup(clipped(p.name, 60))}</th><td>${ending(p)}</td>` +
      `<td class="n">${p.cpuNs === 0 ? '0' : escapeMarkup(duration(p.cpuNs))}</td><td>${escapeMarkup(coreRanges(p.cpusUsed))}</td><td class="n">${p.lastCpu ?? ''}</td><td>${shown}</td></tr>`
    );
  });
  const more =
    processes.length > rows.length
      ? `<p class="note">${grouped(processes.length - rows.length)} more are not shown.</p>`
      : '';
  const head = headings(
    ['pid', 'parent', 'name', 'ended', 'CPU time', 'cores', 'last core', 'output'],
    ['pid', 'parent', 'CPU time', 'last core'],
  );
  return `<div class="scroll" tabindex="0" role="region" aria-label="Processes"><table><thead><tr>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div>${more}`;
}

const headings = (names: readonly string[], numeric: readonly string[]): string =>
  names.map((name) => `<th scope="col"${numeric.includes(name) ? ' class="n"' : ''}>${name}</th>`).join('');

function ending(p: ProcessSummary): string {
  if (p.signal !== undefined) return escapeMarkup(signalName(p.signal));
  return p.exit === undefined ? '<span class="quiet">lives</span>' : `code ${p.exit}`;
}

/** The end of a text that is too long, which says so. */
const lastPart = (text: string, max: number): string =>
  text.length <= max
    ? text
    : `… (${grouped(text.length - max)} characters before)\n${max === 0 ? '' : text.slice(-max)}`;

function replay({ replay: command, digest }: HtmlOptions): string {
  const parts = [
    '<p>The same binaries, configuration, seed and fault plan give the same run, instruction for instruction.</p>',
  ];
  if (command !== undefined)
    parts.push(`<pre class="command" tabindex="0"><code>${escapeMarkupLines(command)}</code></pre>`);
  if (digest !== undefined)
    parts.push(`<p>Digest of this run (SHA-256): <code class="digest">${escapeMarkup(digest)}</code></p>`);
  return parts.join('\n');
}

function eventTable(events: readonly TraceEvent[]): string {
  // Switches are what the timeline draws; in a long run they would crowd out the rest.
  const told = events.length <= EVENTS_MAX ? events : events.filter((e) => e.kind !== 'switch');
  const shown = told.slice(0, EVENTS_MAX);
  const rows = shown.map(
    (e) =>
      `<tr><td class="n">${moment(e.ns)}</td><td class="n">${e.core < 0 ? '' : e.core}</td><td class="n">${grouped(e.instruction)}</td><td>${escapeMarkup(e.kind)}</td><td>${escapeMarkup(clipped(fieldsText(e), EVENT_TEXT_MAX))}</td></tr>`,
  );
  const count =
    shown.length === events.length
      ? counted(events.length, 'event')
      : `${grouped(shown.length)} of ${counted(events.length, 'event')}`;
  const left = told.length < events.length ? ', without the context switches' : '';
  const head = headings(['time', 'core', 'instruction', 'event', 'details'], ['time', 'core', 'instruction']);
  return `<details><summary>${count}${left}</summary><div class="scroll" tabindex="0" role="region" aria-label="Events"><table class="mono"><thead><tr>${head}</tr></thead><tbody>${rows.join('\n')}</tbody></table></div></details>`;
}

function fieldsText(e: TraceEvent): string {
  const parts: string[] = [];
  for (const [name, value] of Object.entries(e)) {
    if (name === 'ns' || name === 'core' || name === 'instruction' || name === 'kind') continue;
    parts.push(`${name}=${Array.isArray(value) ? value.join(',') : String(value)}`);
  }
  return parts.join(' ');
}

/** Base64 of the SHA-256 of a script, as a content security policy names it. The script is ASCII. */
function sha256Base64(script: string): string {
  const bytes = sha256(Uint8Array.from(script, (c) => c.charCodeAt(0)));
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  let out = '';
  for (let i = 0; i < bytes.length; i += 3) {
    const word = (bytes[i]! << 16) | ((bytes[i + 1] ?? 0) << 8) | (bytes[i + 2] ?? 0);
    const left = bytes.length - i;
    out += alphabet[word >>> 18]! + alphabet[(word >>> 12) & 63]!;
    out += (left > 1 ? alphabet[(word >>> 6) & 63]! : '=') + (left > 2 ? alphabet[word & 63]! : '=');
  }
  return out;
}
