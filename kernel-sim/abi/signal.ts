import { type Signo, signo } from './ids.ts';

/** What a signal does when nobody handles it. */
export type DefaultAction = 'terminate' | 'core' | 'stop' | 'continue' | 'ignore';

export const SIGHUP = signo(1);
export const SIGINT = signo(2);
export const SIGQUIT = signo(3);
export const SIGILL = signo(4);
export const SIGTRAP = signo(5);
export const SIGABRT = signo(6);
export const SIGEMT = signo(7);
export const SIGFPE = signo(8);
export const SIGKILL = signo(9);
export const SIGBUS = signo(10);
export const SIGSEGV = signo(11);
export const SIGSYS = signo(12);
export const SIGPIPE = signo(13);
export const SIGALRM = signo(14);
export const SIGTERM = signo(15);
export const SIGURG = signo(16);
export const SIGSTOP = signo(17);
export const SIGTSTP = signo(18);
export const SIGCONT = signo(19);
export const SIGCHLD = signo(20);
export const SIGTTIN = signo(21);
export const SIGTTOU = signo(22);
export const SIGIO = signo(23);
export const SIGXCPU = signo(24);
export const SIGXFSZ = signo(25);
export const SIGVTALRM = signo(26);
export const SIGPROF = signo(27);
export const SIGWINCH = signo(28);
export const SIGINFO = signo(29);
export const SIGUSR1 = signo(30);
export const SIGUSR2 = signo(31);
export const SIGTHR = signo(32);

/** FreeBSD _SIG_MAXSIG. */
export const SIG_MAX = 128;

// FreeBSD sys/sys/signal.h and the property table of sys/kern/kern_sig.c: number, name, default action.
const SIGNALS = [
  [SIGHUP, 'SIGHUP', 'terminate'],
  [SIGINT, 'SIGINT', 'terminate'],
  [SIGQUIT, 'SIGQUIT', 'core'],
  [SIGILL, 'SIGILL', 'core'],
  [SIGTRAP, 'SIGTRAP', 'core'],
  [SIGABRT, 'SIGABRT', 'core'],
  [SIGEMT, 'SIGEMT', 'core'],
  [SIGFPE, 'SIGFPE', 'core'],
  [SIGKILL, 'SIGKILL', 'terminate'],
  [SIGBUS, 'SIGBUS', 'core'],
  [SIGSEGV, 'SIGSEGV', 'core'],
  [SIGSYS, 'SIGSYS', 'core'],
  [SIGPIPE, 'SIGPIPE', 'terminate'],
  [SIGALRM, 'SIGALRM', 'terminate'],
  [SIGTERM, 'SIGTERM', 'terminate'],
  [SIGURG, 'SIGURG', 'ignore'],
  [SIGSTOP, 'SIGSTOP', 'stop'],
  [SIGTSTP, 'SIGTSTP', 'stop'],
  [SIGCONT, 'SIGCONT', 'continue'],
  [SIGCHLD, 'SIGCHLD', 'ignore'],
  [SIGTTIN, 'SIGTTIN', 'stop'],
  [SIGTTOU, 'SIGTTOU', 'stop'],
  [SIGIO, 'SIGIO', 'ignore'],
  [SIGXCPU, 'SIGXCPU', 'terminate'],
  [SIGXFSZ, 'SIGXFSZ', 'terminate'],
  [SIGVTALRM, 'SIGVTALRM', 'terminate'],
  [SIGPROF, 'SIGPROF', 'terminate'],
  [SIGWINCH, 'SIGWINCH', 'ignore'],
  [SIGINFO, 'SIGINFO', 'ignore'],
  [SIGUSR1, 'SIGUSR1', 'terminate'],
  [SIGUSR2, 'SIGUSR2', 'terminate'],
  [SIGTHR, 'SIGTHR', 'terminate'],
] as const satisfies readonly (readonly [Signo, string, DefaultAction])[];

const BY_NUMBER = new Map<number, (typeof SIGNALS)[number]>(SIGNALS.map((row) => [row[0], row]));
const BY_NAME = new Map<string, Signo>(SIGNALS.map((row) => [row[1], row[0]]));

/** `SIGINT` for 2; `SIG65` for a number without a name. */
export const signalName = (n: number): string => BY_NUMBER.get(n)?.[1] ?? `SIG${n}`;

/** The number of `INT`, `SIGINT` or `2`; undefined when there is none. */
export function signalByName(name: string): Signo | undefined {
  const upper = name.toUpperCase();
  const n = Number(upper);
  if (Number.isInteger(n) && n >= 1 && n <= SIG_MAX) return signo(n);
  return BY_NAME.get(upper) ?? BY_NAME.get(`SIG${upper}`);
}

/** What the signal does by default; the numbers without a row (real-time signals) terminate. */
export const defaultAction = (n: number): DefaultAction => BY_NUMBER.get(n)?.[2] ?? 'terminate';
