/** The fields of siginfo_t that are kept; `trapno` is the _reason of a fault, or the id of a timer with its `overrun`. FreeBSD 9.0 sys/sys/signal.h. */
export interface SiginfoFields {
  readonly signo: number;
  readonly errno: number;
  readonly code: number;
  readonly pid: number;
  readonly uid: number;
  readonly status: number;
  readonly addr: number;
  readonly value: number;
  readonly trapno: number;
  readonly overrun: number;
}

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
