import { errnoName } from '../../kernel-sim/abi/errno.ts';
import { AT_FDCWD, O_CREAT } from '../../kernel-sim/abi/fcntl.ts';
import { FLAGS, fcntlName, flagNames, ioctlName, openFlagNames, whenceName } from '../../kernel-sim/abi/flag-names.ts';
import { ptraceRequestName } from '../../kernel-sim/abi/ptrace.ts';
import { signalName } from '../../kernel-sim/abi/signal.ts';
import type { CallEnd } from '../../kernel-sim/kern/call-trace.ts';
import type { ArgKind, ReturnKind } from '../../kernel-sim/sys/row.ts';
import { escapeTerminal } from './escape.ts';
import { secondsDigits, shortMoment } from './format.ts';

export interface StraceArg {
  readonly kind: ArgKind;
  readonly value: number;
  /** What it points to, a character a byte, as far as it is shown; null: nothing to show, or not to be had. */
  readonly text: string | null;
  /** There is more of it than `text`. */
  readonly cut: boolean;
}

/** One line of a trace of system calls. */
export type StraceRecord = {
  /** Virtual time of the core, ns. */
  readonly ns: number;
  /** -1: no core. */
  readonly core: number;
  readonly pid: number;
  /** 0: the process as a whole. */
  readonly tid: number;
  /** Name of the process. */
  readonly comm: string;
} & (
  | {
      readonly kind: 'call';
      readonly name: string;
      readonly args: readonly StraceArg[];
      readonly returns: ReturnKind | undefined;
      /** It goes on after a sleep. */
      readonly resumed: boolean;
      readonly end: CallEnd;
    }
  | {
      readonly kind: 'signal';
      readonly signo: number;
      readonly code: number;
      readonly addr: number;
      readonly handler: number;
    }
  | { readonly kind: 'exit'; readonly code: number; readonly signal: number }
  | { readonly kind: 'recovered'; readonly victim: number; readonly fromNs: number }
);

/** A record as one line, without its end: time, core, pid/tid, program, what happened. */
export function straceLine(record: StraceRecord): string {
  const time = secondsDigits(record.ns).padStart(14);
  const core = record.core < 0 ? '-' : `core${record.core}`;
  const who = record.tid === 0 ? `pid ${record.pid}` : `pid ${record.pid}/${record.tid}`;
  return `${time} ${core} ${who} ${escapeTerminal(record.comm, true)}  ${what(record)}`;
}

function what(record: StraceRecord): string {
  switch (record.kind) {
    case 'call': {
      const call = `${record.resumed ? '<... resumed> ' : ''}${record.name}(${argList(record.args)})`;
      return record.end.kind === 'sleep'
        ? `${call} <unfinished ...>`
        : `${call} = ${ending(record.end, record.returns)}`;
    }
    case 'signal': {
      const does = record.handler === 0 ? 'default action' : `handler ${hex(record.handler)}`;
      return `--- ${signalName(record.signo)} code ${record.code} addr ${hex(record.addr)}: ${does} ---`;
    }
    case 'exit':
      return record.signal === 0
        ? `+++ exited with ${record.code} +++`
        : `+++ killed by ${signalName(record.signal)} +++`;
    case 'recovered':
      return `+++ goes on from where it was at ${shortMoment(record.fromNs)}: core ${record.victim} has failed +++`;
  }
}

function argList(args: readonly StraceArg[]): string {
  const shown = args.filter(({ kind }, n) => kind !== 'pad' && !(kind === 'mode' && isUnusedMode(args[n - 1])));
  return shown.map(argText).join(', ');
}

/** open(2) has a mode only with O_CREAT; otherwise that word of the stack is something else. */
const isUnusedMode = (before: StraceArg | undefined): boolean =>
  before?.kind === 'open-flags' && (before.value & O_CREAT) === 0;

function argText({ kind, value, text, cut }: StraceArg): string {
  switch (kind) {
    case 'int':
    case 'fd':
    case 'pid':
    case 'off':
    case 'pad':
      return String(value);
    case 'uint':
    case 'size':
      return String(value >>> 0);
    case 'at-fd':
      return value === AT_FDCWD ? 'AT_FDCWD' : String(value);
    case 'str':
    case 'buf-in':
    case 'buf-out':
      return text === null ? hex(value) : `${quoted(text)}${cut ? '...' : ''}`;
    case 'ptr':
    case 'in':
    case 'out':
    case 'inout':
      return hex(value);
    case 'mode':
      return `0${(value >>> 0).toString(8)}`;
    case 'signo':
      return value === 0 ? '0' : signalName(value);
    case 'open-flags':
      return openFlagNames(value);
    case 'fcntl':
      return fcntlName(value);
    case 'ioctl':
      return ioctlName(value);
    case 'whence':
      return whenceName(value);
    case 'ptrace':
      return ptraceRequestName(value);
    default:
      return flagNames(FLAGS[kind], value);
  }
}

function ending(end: Exclude<CallEnd, { kind: 'sleep' }>, returns: ReturnKind | undefined): string {
  switch (end.kind) {
    case 'return':
      return resultText(end.eax, end.edx ?? 0, returns);
    case 'error':
      return `-1 ${errnoName(end.errno)}`;
    case 'restart':
      return 'ERESTART';
    case 'justreturn':
      return 'JUSTRETURN';
    case 'gone':
      return '?';
  }
}

function resultText(eax: number, edx: number, returns: ReturnKind | undefined): string {
  switch (returns) {
    case 'ptr':
      return hex(eax);
    case 'off':
      return String((edx | 0) * 0x100000000 + (eax >>> 0));
    case 'pair':
      return `${eax | 0}, ${edx | 0}`;
    case undefined:
      return String(eax | 0);
  }
}

const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;

const ESCAPES: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t', '"': '\\"', '\\': '\\\\' };

/** Bytes as a C string: printable ASCII as it is, the rest as `\n`, `\t`, `\r` or `\xNN`. */
function quoted(text: string): string {
  let out = '';
  for (const c of text) out += ESCAPES[c] ?? escapeTerminal(c, true);
  return `"${out}"`;
}
