// FreeBSD 9.0 sys/sys/wait.h.
export const WNOHANG = 1;
export const WUNTRACED = 2;
export const WCONTINUED = 4;
export const WNOWAIT = 8;
/** wait6(2), from 9.2: ended children, stops of traced ones. */
export const WEXITED = 16;
export const WTRAPPED = 32;

/** Children whose end sends no SIGCHLD (rfork(2) with RFTSIGZMB). */
export const WLINUXCLONE = 0x80000000 | 0;

export const WCOREFLAG = 0x80;
/** Status of a continued child: SIGCONT. */
export const STATUS_CONTINUED = 0x13;

export const exitedStatus = (code: number): number => (code & 0xff) << 8;
export const killedStatus = (signo: number, dumped: boolean): number => signo | (dumped ? WCOREFLAG : 0);
export const stoppedStatus = (signo: number): number => (signo << 8) | 0x7f;
export const isSignalled = (status: number): boolean => (status & 0x7f) !== 0 && (status & 0x7f) !== 0x7f;
export const exitCodeOf = (status: number): number => (status >> 8) & 0xff;
export const termSignalOf = (status: number): number => status & 0x7f;
