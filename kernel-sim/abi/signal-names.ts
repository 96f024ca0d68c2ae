/** Signal numbers by name. Source: FreeBSD 9.0 sys/signal.h. 65 to 126 are the real-time signals. */
// biome-ignore format: eight to a line
const NAMES = [
  '', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGILL', 'SIGTRAP', 'SIGABRT', 'SIGEMT',
  'SIGFPE', 'SIGKILL', 'SIGBUS', 'SIGSEGV', 'SIGSYS', 'SIGPIPE', 'SIGALRM', 'SIGTERM',
  'SIGURG', 'SIGSTOP', 'SIGTSTP', 'SIGCONT', 'SIGCHLD', 'SIGTTIN', 'SIGTTOU', 'SIGIO',
  'SIGXCPU', 'SIGXFSZ', 'SIGVTALRM', 'SIGPROF', 'SIGWINCH', 'SIGINFO', 'SIGUSR1', 'SIGUSR2',
  'SIGTHR',
] as const;

const SIGRTMIN = 65;
const SIGRTMAX = 126;

/** 'SIGSEGV' for 11, 'SIGRTMIN+2' for 67, 'signal 40' for a number without a name. */
export function signalName(signo: number): string {
  if (signo >= SIGRTMIN && signo <= SIGRTMAX) return signo === SIGRTMIN ? 'SIGRTMIN' : `SIGRTMIN+${signo - SIGRTMIN}`;
  return NAMES[signo] || `signal ${signo}`;
}
