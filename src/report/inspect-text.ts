/** An ElfReport in words, for people. Everything is ASCII; columns are aligned. */
import { REG_FIELDS, type RegField } from '../../kernel-sim/abi/reg.ts';
import { eflagsNames, hex, printable } from './elf-names.ts';
import type { CoreReport, ElfReport, ThreadReport } from './inspect.ts';

/** Lines ending with a newline. */
export function renderElfReport(report: ElfReport): string {
  const sections = [
    summary(report),
    header(report),
    segments(report),
    program(report),
    ...(report.core ? core(report.core) : []),
    notes(report),
    list('Could not be read', report.problems),
    report.core ? list('Differs from what FreeBSD writes', report.core.deviations) : [],
  ];
  return `${sections
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function summary({ path, sizeBytes, header, kind, core, program }: ElfReport): string[] {
  const title = `${path}: ELF 32-bit, i386, ${header.typeName} (${header.typeMeaning}), ${sizeBytes} bytes`;
  if (kind === 'program' && program) {
    return [title, 'error' in program ? `FreeBSD 9.0 would not run it: ${program.reason}` : 'FreeBSD 9.0 can run it.'];
  }
  if (!core) return [title];
  const { threads, layout, writtenBy, signal, memoryBytes, fname, deviations } = core;
  const died = signal ? `stopped by signal ${signal.number}, ${signal.name}` : 'no signal: taken while it was running';
  const writer = writtenBy === 'gcore' ? 'gcore, from user level (or a kernel, without a signal)' : 'the kernel';
  return [
    title,
    `Command "${printable(fname)}", ${count(threads.length, 'thread')}, ${memoryBytes / 1024} KiB of memory; ${died}.`,
    `Layout: ${layout === '9.0' ? '9.0, only the notes that FreeBSD 9.0 knows' : 'extended, with notes that 9.0 does not know'}. Written by ${writer}.`,
    deviations.length === 0
      ? `Byte for byte in the ${layout} layout.`
      : `Differs from the ${layout} layout in ${count(deviations.length, 'point')}, see below.`,
  ];
}

function header({ header: h }: ElfReport): string[] {
  return [
    'Header',
    ...table([
      ['e_type', String(h.e_type), `${h.typeName}, ${h.typeMeaning}`],
      ['e_machine', String(h.e_machine), 'Intel 80386'],
      ['EI_OSABI', String(h.ei_osabi), h.osAbiName],
      ['e_entry', hex(h.e_entry), h.e_entry === 0 ? 'no entry point' : 'address of the first instruction'],
      ['e_phoff', String(h.e_phoff), `${count(h.e_phnum, 'program header')} of ${h.e_phentsize} bytes`],
      ['e_shoff', String(h.e_shoff), `${count(h.e_shnum, 'section header')} of ${h.e_shentsize} bytes`],
      ['e_flags', hex(h.e_flags, 0), ''],
    ]),
  ];
}

function segments({ segments: rows }: ElfReport): string[] {
  if (rows.length === 0) return ['No program headers'];
  return [
    'Program headers',
    ...table([
      ['#', 'type', 'offset', 'address', 'in file', 'in memory', 'prot', 'align', 'holds'],
      ...rows.map((s) => [
        String(s.index),
        s.typeName,
        hex(s.offset),
        hex(s.vaddr),
        hex(s.filesz),
        hex(s.memsz),
        s.protection,
        hex(s.align, 0),
        s.holds,
      ]),
    ]),
  ];
}

function program({ program: p, symbols }: ElfReport): string[] {
  if (!p) return [];
  if ('error' in p) return ['Program', ...table([[p.error, p.reason]])];
  const range = (r: { vaddr: number; sizeBytes: number }) => `${hex(r.vaddr)}, ${r.sizeBytes} bytes in whole pages`;
  const how = {
    note: 'by its ABI note',
    osabi: 'by EI_OSABI',
    interp: 'by its interpreter',
    fallback: 'by the configured fallback',
  };
  return [
    'Program',
    ...table([
      ['brand', `${p.brand}, ${how[p.brandedBy]}`],
      ['built for', p.osrel === 0 ? 'unknown version (no ABI note)' : `__FreeBSD_version ${p.osrel}`],
      ['entry', `${hex(p.entry + p.loadBase)}${symbols?.entry ? `, ${printable(symbols.entry)}` : ''}`],
      ['loaded at', p.loadBase === 0 ? 'the addresses in the file' : `${hex(p.loadBase)} beyond those in the file`],
      ['text', range(p.text)],
      ['data', range(p.data)],
      ['AT_PHDR', `${hex(p.phdrVaddr)}, ${count(p.phnum, 'program header')}`],
      ['interpreter', p.interp === undefined ? 'none (static)' : printable(p.interp)],
      ['symbols', symbols ? `${symbols.count}, of which ${count(symbols.functions, 'function')}` : 'not readable'],
    ]),
  ];
}

function core(c: CoreReport): string[][] {
  const { groups, umask, osrel, psStrings, rlimits, auxv, openFiles, memoryMap } = c.process;
  const facts = [
    ['command', `"${printable(c.fname)}"`],
    ['arguments', `"${printable(c.psargs)}"${c.psargs === c.fname ? ' (FreeBSD 9 stores the command name here)' : ''}`],
    ['kernel', `__FreeBSD_version ${c.osreldate}`],
    ['signal', c.signal ? `${c.signal.number} ${c.signal.name}` : 'none'],
  ];
  if (osrel !== undefined) facts.push(['built for', `__FreeBSD_version ${osrel}`]);
  if (umask !== undefined) facts.push(['umask', umask.toString(8).padStart(3, '0')]);
  if (groups) facts.push(['groups', groups.join(' ')]);
  if (psStrings !== undefined) facts.push(['ps_strings', hex(psStrings)]);
  if (openFiles !== undefined) facts.push(['open files', String(openFiles)]);
  const sections = [['Process', ...table(facts)]];
  if (c.coreback) {
    const rows = Object.entries(c.coreback).map(([key, value]) => [key, printable(JSON.stringify(value))]);
    sections.push(['Process, from the COREBACK note', ...table(rows)]);
  }
  sections.push(...c.threads.map(thread));
  if (memoryMap) {
    const rows = memoryMap.map((m) => [hex(m.start), hex(m.end), m.protection, printable(m.path) || '(anonymous)']);
    sections.push(['Memory map', ...table([['start', 'end', 'prot', 'file'], ...rows])]);
  }
  if (auxv) {
    const rows = auxv.map((a) => [a.name, a.format === 'dec' ? String(a.value) : hex(a.value), a.meaning]);
    sections.push(['Auxiliary vector', ...table(rows)]);
  }
  if (rlimits) {
    sections.push(['Resource limits', ...table([['', 'soft', 'hard'], ...rlimits.map((r) => [r.name, r.cur, r.max])])]);
  }
  return sections;
}

/** Four registers to a line, in the order in which people look for them. */
const REGISTER_LINES: readonly (readonly RegField[])[] = [
  ['r_eax', 'r_ebx', 'r_ecx', 'r_edx'],
  ['r_esi', 'r_edi', 'r_ebp', 'r_esp'],
  ['r_cs', 'r_ss', 'r_ds', 'r_es'],
  ['r_fs', 'r_gs', 'r_eip', 'r_eflags'],
];
const SELECTORS: ReadonlySet<RegField> = new Set(['r_cs', 'r_ss', 'r_ds', 'r_es', 'r_fs', 'r_gs']);
const SHOWN = new Set(REGISTER_LINES.flat());

function thread(report: ThreadReport, index: number): string[] {
  const { tid, name, registers, segbases, fpu, xstateBytes, backtrace } = report;
  const value = (field: RegField) => hex(registers[field], SELECTORS.has(field) ? 4 : 8);
  const rows = REGISTER_LINES.map((line) => line.flatMap((field) => [field.slice(2), value(field)]));
  const rest = REG_FIELDS.filter((field) => !SHOWN.has(field) && registers[field] !== 0);
  if (rest.length > 0) rows.push(rest.flatMap((field) => [field.slice(2), value(field)]));
  const lines = [
    `Thread ${tid} "${printable(name)}"${index === 0 ? ', the current one' : ''}`,
    ...table(rows),
    `  eflags   ${eflagsNames(registers.r_eflags) || 'none set'}`,
  ];
  if (segbases) lines.push(`  bases    %fs ${hex(segbases.fsbase)}  %gs ${hex(segbases.gsbase)}`);
  const st = fpu.st.map((r) => `st${r.index} ${r.value}`).join('  ') || 'no register in use';
  lines.push(`  x87      control ${hex(fpu.cw, 4)}  status ${hex(fpu.sw, 4)}  tags ${hex(fpu.tw, 4)}  ${st}`);
  if (xstateBytes !== undefined) lines.push(`  vector   XSAVE image of ${xstateBytes} bytes`);
  if (backtrace) {
    const frames = backtrace.map((f, i) => [
      `#${i}`,
      hex(f.pc),
      f.name === '' ? '?' : `${printable(f.name)}+${f.offset}`,
    ]);
    lines.push(...table(frames));
  }
  return lines;
}

function notes({ notes: rows }: ElfReport): string[] {
  if (rows.length === 0) return ['No notes'];
  return [
    'Notes',
    ...table([
      ['offset', 'vendor', 'type', 'bytes', 'name', 'holds'],
      ...rows.map((n) => [
        hex(n.offset),
        printable(n.vendor),
        hex(n.type, 0),
        String(n.sizeBytes),
        n.typeName,
        n.holds,
      ]),
    ]),
  ];
}

const list = (title: string, items: readonly string[]): string[] =>
  items.length === 0 ? [] : [title, ...items.map((item) => `  - ${printable(item)}`)];

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;

/** Left-aligned columns, two spaces apart, indented by two. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  return rows.map((row) => `  ${row.map((cell, i) => cell.padEnd(widths[i])).join('  ')}`.trimEnd());
}
