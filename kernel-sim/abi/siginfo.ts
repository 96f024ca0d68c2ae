/** The fields of siginfo_t that are kept. FreeBSD 9.0 sys/sys/signal.h. */
export interface SiginfoFields {
  readonly signo: number;
  readonly errno: number;
  readonly code: number;
  readonly pid: number;
  readonly uid: number;
  readonly status: number;
  readonly addr: number;
  readonly value: number;
  /** _reason: trap number for faults, id of a timer. */
  readonly trapno: number;
  /** Of a timer: how often it went off while its signal was pending. */
  readonly overrun: number;
}

/** si_code of SIGCHLD. FreeBSD 9.0 sys/sys/signal.h, as all of these. */
export const CLD_EXITED = 1;
export const CLD_KILLED = 2;
export const CLD_DUMPED = 3;
export const CLD_TRAPPED = 4;
export const CLD_STOPPED = 5;
export const CLD_CONTINUED = 6;
/** si_code: kill(2). */
export const SI_USER = 0x10001;
/** si_code: sent by the kernel itself, for no event that has a code of its own. */
export const SI_KERNEL = 0x10006;
/** si_code: thr_kill(2). */
export const SI_LWP = 0x10007;
/** si_code: sigqueue(2), and a POSIX timer. */
export const SI_QUEUE = 0x10002;
export const SI_TIMER = 0x10003;
export const SI_ASYNCIO = 0x10004;

/** siginfo_t, 64 bytes (freebsd-i386-abi.md, C). */
export function encodeSiginfo(info: SiginfoFields): Uint8Array {
  const words = [
    info.signo,
    info.errno,
    info.code,
    info.pid,
    info.uid,
    info.status,
    info.addr,
    info.value,
    info.trapno,
    info.overrun,
  ];
  const bytes = new Uint8Array(64);
  bytes.set(new Uint8Array(Int32Array.from(words).buffer));
  return bytes;
}
