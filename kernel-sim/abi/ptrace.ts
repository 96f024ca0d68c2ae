import { layout } from './layout.ts';

// FreeBSD 9.0 sys/sys/ptrace.h, sys/i386/include/ptrace.h.
export const PT_TRACE_ME = 0;
export const PT_READ_I = 1;
export const PT_READ_D = 2;
export const PT_WRITE_I = 4;
export const PT_WRITE_D = 5;
export const PT_CONTINUE = 7;
export const PT_KILL = 8;
export const PT_STEP = 9;
export const PT_ATTACH = 10;
export const PT_DETACH = 11;
export const PT_IO = 12;
export const PT_LWPINFO = 13;
export const PT_GETNUMLWPS = 14;
export const PT_GETLWPLIST = 15;
export const PT_CLEARSTEP = 16;
export const PT_SETSTEP = 17;
/** A thread stays stopped when its process goes on. */
export const PT_SUSPEND = 18;
export const PT_RESUME = 19;
/** As PT_CONTINUE, until the process enters a system call, returns from one, or either. */
export const PT_TO_SCE = 20;
export const PT_TO_SCX = 21;
export const PT_SYSCALL = 22;
export const PT_FOLLOW_FORK = 23;
/** From 10.4 on, with its two flags. */
export const PT_LWP_EVENTS = 24;
export const PT_GETREGS = 33;
export const PT_SETREGS = 34;
export const PT_GETFPREGS = 35;
export const PT_SETFPREGS = 36;
export const PT_GETXMMREGS = 64;
export const PT_SETXMMREGS = 65;
export const PT_GETDBREGS = 37;
export const PT_SETDBREGS = 38;
export const PT_VM_TIMESTAMP = 40;
export const PT_VM_ENTRY = 41;

export const PIOD_READ_D = 1;
export const PIOD_WRITE_D = 2;
export const PIOD_READ_I = 3;
export const PIOD_WRITE_I = 4;

export const PL_EVENT_NONE = 0;
export const PL_EVENT_SIGNAL = 1;
export const PL_FLAG_SCE = 4;
export const PL_FLAG_SCX = 8;
export const PL_FLAG_EXEC = 0x10;
export const PL_FLAG_SI = 0x20;
export const PL_FLAG_FORKED = 0x40;
export const PL_FLAG_CHILD = 0x80;
export const PL_FLAG_BORN = 0x100;
export const PL_FLAG_EXITED = 0x200;

/** sizeof(struct ptrace_lwpinfo) in 9.0. */
export const LWPINFO_SIZE = 132;

/** struct ptrace_vm_entry of 9.0; `end` is the last address, `fileid` and `fsid` are -1 (VNOVAL) where there is no file. */
export const vmEntryLayout = layout(40, [
  { name: 'entry', at: 0, kind: 'i32' },
  { name: 'timestamp', at: 4, kind: 'i32' },
  { name: 'start', at: 8, kind: 'u32' },
  { name: 'end', at: 12, kind: 'u32' },
  { name: 'offset', at: 16, kind: 'u32' },
  { name: 'prot', at: 20, kind: 'u32' },
  { name: 'pathlen', at: 24, kind: 'u32' },
  { name: 'fileid', at: 28, kind: 'i32' },
  { name: 'fsid', at: 32, kind: 'u32' },
  { name: 'path', at: 36, kind: 'u32' },
]);
export type PtraceVmEntry = typeof vmEntryLayout.zero;

/** PSL_USERCHANGE of 9.0: the EFLAGS bits that a tracer may change. */
export const PSL_USERCHANGE = 0x00244dd5;

const REQUEST_NAMES = new Map<number, string>([
  [PT_TRACE_ME, 'PT_TRACE_ME'],
  [PT_READ_I, 'PT_READ_I'],
  [PT_READ_D, 'PT_READ_D'],
  [PT_WRITE_I, 'PT_WRITE_I'],
  [PT_WRITE_D, 'PT_WRITE_D'],
  [PT_CONTINUE, 'PT_CONTINUE'],
  [PT_KILL, 'PT_KILL'],
  [PT_STEP, 'PT_STEP'],
  [PT_ATTACH, 'PT_ATTACH'],
  [PT_DETACH, 'PT_DETACH'],
  [PT_IO, 'PT_IO'],
  [PT_LWPINFO, 'PT_LWPINFO'],
  [PT_GETNUMLWPS, 'PT_GETNUMLWPS'],
  [PT_GETLWPLIST, 'PT_GETLWPLIST'],
  [PT_CLEARSTEP, 'PT_CLEARSTEP'],
  [PT_SETSTEP, 'PT_SETSTEP'],
  [PT_SUSPEND, 'PT_SUSPEND'],
  [PT_RESUME, 'PT_RESUME'],
  [PT_TO_SCE, 'PT_TO_SCE'],
  [PT_TO_SCX, 'PT_TO_SCX'],
  [PT_SYSCALL, 'PT_SYSCALL'],
  [PT_FOLLOW_FORK, 'PT_FOLLOW_FORK'],
  [PT_LWP_EVENTS, 'PT_LWP_EVENTS'],
  [PT_GETREGS, 'PT_GETREGS'],
  [PT_SETREGS, 'PT_SETREGS'],
  [PT_GETFPREGS, 'PT_GETFPREGS'],
  [PT_SETFPREGS, 'PT_SETFPREGS'],
  [PT_GETXMMREGS, 'PT_GETXMMREGS'],
  [PT_SETXMMREGS, 'PT_SETXMMREGS'],
  [PT_GETDBREGS, 'PT_GETDBREGS'],
  [PT_SETDBREGS, 'PT_SETDBREGS'],
  [PT_VM_TIMESTAMP, 'PT_VM_TIMESTAMP'],
  [PT_VM_ENTRY, 'PT_VM_ENTRY'],
]);

/** `PT_STEP` for 9; the number itself when it has no name here. */
export const ptraceRequestName = (request: number): string => REQUEST_NAMES.get(request) ?? `request ${request}`;
