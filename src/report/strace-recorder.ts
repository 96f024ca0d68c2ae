import { PAGE_SIZE } from '../../emu/memory/address-space.ts';
import type { CallEnd, CallTracer, TracedCall } from '../../kernel-sim/kern/call-trace.ts';
import { type Kernel, type KernelCore, latin1 } from '../../kernel-sim/kern/kernel.ts';
import type { SigInfo, Thread } from '../../kernel-sim/kern/state.ts';
import type { SyscallEntry } from '../../kernel-sim/kern/syscall-result.ts';
import type { System } from '../system.ts';
import type { StraceArg, StraceRecord } from './strace.ts';

/** Bytes that are shown of a buffer, and of a path. */
const BUFFER_MAX = 32;
const STRING_MAX = 256;

/** A handler that runs: what its call will be told as. */
interface Underway {
  readonly place: Pick<StraceRecord, 'core' | 'pid' | 'tid' | 'comm'>;
  readonly call: TracedCall;
  readonly args: readonly StraceArg[];
  readonly resumed: boolean;
}

/**
 * From now on `sink` gets a record of each system call that ends, signal that takes effect, and end of a process, in the order in which
 * the kernel serves them (of two cores, times may lie up to one round of the interleaving apart). The run is the same as without.
 */
export function recordStrace(system: System, sink: (record: StraceRecord) => void): void {
  const recorder = new StraceRecorder(system.kernel, sink);
  system.kernel.callTracer = recorder;
  system.onEvent((event) => {
    const { ns, core } = event;
    if (event.kind === 'exit') {
      recorder.exited(core, event.pid);
      sink({
        kind: 'exit',
        ns,
        core,
        pid: event.pid,
        tid: 0,
        comm: event.name,
        code: event.code,
        signal: event.signal,
      });
    } else if (event.kind === 'recovery-done') {
      const { pid, victim, fromNs } = event;
      const comm = system.kernel.findProc(pid)?.comm ?? '';
      sink({ kind: 'recovered', ns, core, pid, tid: 0, comm, victim, fromNs });
    }
  });
}

class StraceRecorder implements CallTracer {
  private readonly k: Kernel;
  private readonly sink: (record: StraceRecord) => void;
  /** By core. */
  private readonly underway = new Map<number, Underway>();

  constructor(k: Kernel, sink: (record: StraceRecord) => void) {
    this.k = k;
    this.sink = sink;
  }

  enter(core: KernelCore, td: Thread, call: TracedCall, values: readonly number[], entry: SyscallEntry): void {
    const plain = values.map((value, n): StraceArg => ({ kind: call.args[n]![1], value, text: null, cut: false }));
    const args = plain.map((arg, n) => this.read(td.pid, arg, plain[n + 1]?.value ?? 0));
    this.underway.set(core.id, { place: this.place(core, td), call, args, resumed: entry.woken !== 'first' });
  }

  leave(core: KernelCore, end: CallEnd): void {
    const call = this.underway.get(core.id);
    if (!call) return;
    this.underway.delete(core.id);
    // A sleep that goes on is not told again.
    if (end.kind === 'sleep' && call.resumed) return;
    this.tell(call, end);
  }

  signal(core: KernelCore, td: Thread, { signo, code, addr }: SigInfo, handler: number): void {
    this.sink({ kind: 'signal', ns: this.k.now(), ...this.place(core, td), signo, code, addr, handler });
  }

  /** The process has ended; if in a call of its own, that comes first. */
  exited(core: number, pid: number): void {
    const call = this.underway.get(core);
    if (call?.place.pid !== pid) return;
    this.underway.delete(core);
    this.tell(call, { kind: 'gone' });
  }

  private tell({ place, call, args, resumed }: Underway, end: CallEnd): void {
    const filled = args.map((arg, n) => {
      if (arg.kind === 'buf-out' && end.kind === 'return')
        return { ...arg, ...this.bytes(place.pid, arg.value, end.eax) };
      // The call itself may have brought in the page; after execve(2) another program's memory lies there.
      return end.kind === 'justreturn' ? arg : this.read(place.pid, arg, args[n + 1]?.value ?? 0);
    });
    const { name, returns } = call;
    this.sink({ kind: 'call', ns: this.k.now(), ...place, name, args: filled, returns, resumed, end });
  }

  private place(core: KernelCore, td: Thread): Underway['place'] {
    return { core: core.id, pid: td.pid, tid: td.tid, comm: this.k.proc(td.pid).comm };
  }

  /** An argument with what the call reads there, if that has not been found before. */
  private read(pid: number, arg: StraceArg, next: number): StraceArg {
    if (arg.text !== null) return arg;
    if (arg.kind === 'str') return { ...arg, ...this.string(pid, arg.value) };
    return arg.kind === 'buf-in' ? { ...arg, ...this.bytes(pid, arg.value, next) } : arg;
  }

  private bytes(pid: number, address: number, length: number): Pick<StraceArg, 'text' | 'cut'> {
    const text = this.resident(pid, address, Math.min(length >>> 0, BUFFER_MAX));
    return { text, cut: text !== null && text.length < length >>> 0 };
  }

  private string(pid: number, address: number): Pick<StraceArg, 'text' | 'cut'> {
    const text = this.resident(pid, address, STRING_MAX);
    const end = text?.indexOf('\0') ?? -1;
    return end < 0 ? { text, cut: true } : { text: text!.slice(0, end), cut: false };
  }

  /** At most `length` bytes, as far as their pages are resident; null when not even the first is. Changes nothing. */
  private resident(pid: number, address: number, length: number): string | null {
    const p = this.k.findProc(pid);
    const space = p && this.k.spaces.get(p.vmspace);
    if (!space) return null;
    const start = address >>> 0;
    let end = start;
    while (end < start + length && space.isResident(Math.floor(end / PAGE_SIZE)))
      end = Math.min(start + length, (Math.floor(end / PAGE_SIZE) + 1) * PAGE_SIZE);
    return end === start && length > 0 ? null : latin1(space.peek(start, end - start));
  }
}
