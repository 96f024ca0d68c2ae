import { describe, expect, it } from 'vitest';
import { closeConsoleInput, feedConsole } from '../../../kernel-sim/vfs/console.ts';
import { runLive } from '../../../src/cli/live-run.ts';
import { installShipped, shippedPrograms } from '../../../src/host/guest-programs.ts';
import { System } from '../../../src/system.ts';

interface Line {
  readonly text: string;
  /** How long the user thinks before typing it, in ms of the host. */
  readonly afterMs: number;
}

/** A shell at whose console a user types; the host's clock moves only when somebody waits for it. */
async function session(lines: readonly Line[], { paced, tty }: { paced: boolean; tty: boolean }) {
  const system = new System({ consoleIsTty: tty, cycleNs: 100 });
  installShipped(system, shippedPrograms());
  let output = '';
  system.onEvent((event) => {
    if (event.kind === 'output') output += event.text;
  });
  const shell = system.spawn({ path: '/bin/sh', args: tty ? ['sh', '-i'] : ['sh'], cwd: '/root', login: tty });
  const left = [...lines];
  let hostMs = 0;
  let typedAtMs = 0;
  const type = () => {
    const line = left.shift();
    typedAtMs = hostMs;
    if (line) feedConsole(system.kernel, new TextEncoder().encode(`${line.text}\n`));
    else closeConsoleInput(system.kernel);
  };
  const more = async () => {
    hostMs = typedAtMs + (left[0]?.afterMs ?? 0);
    type();
  };
  const wait = async (ms: number) => {
    hostMs += ms;
    if (left.length > 0 && hostMs - typedAtMs >= left[0]!.afterMs) type();
  };
  const input = { more, ended: () => system.kernel.tty('console').inputEnded, left: () => false };
  const stop = await runLive(system, shell, { untilNs: 1e12 }, input, { paced, nowMs: () => hostMs, wait });
  return { output, hostMs, virtualMs: system.machine.nowNs / 1e6, stop };
}

const THINKS: readonly Line[] = [
  { text: 'sleep 100 &', afterMs: 10 },
  { text: 'jobs', afterMs: 2000 },
  { text: 'kill $!', afterMs: 10 },
  { text: 'exit', afterMs: 10 },
];

describe('a run with somebody at the console', () => {
  it.each([
    ['paced, on a terminal', { paced: true, tty: true }],
    ['fast, on a terminal', { paced: false, tty: true }],
    ['fast, through a pipe', { paced: false, tty: false }],
  ])('leaves what sleeps in the background asleep while the user thinks: %s', async (_, how) => {
    const { output, virtualMs, stop } = await session(THINKS, how);
    expect(output).toContain('Running');
    expect(output).not.toContain('Done');
    expect(virtualMs).toBeGreaterThan(2000);
    expect(virtualMs).toBeLessThan(4000);
    expect(stop.reason).toBe('finished');
  });

  it('skips a sleep that the user waits for when it is fast, and keeps pace otherwise', async () => {
    const lines = ['sleep 100', 'exit'].map((text) => ({ text, afterMs: 0 }));
    const fast = await session(lines, { paced: false, tty: true });
    expect(fast.hostMs).toBeLessThan(1000);
    expect(fast.virtualMs).toBeGreaterThan(100_000);
    const paced = await session(lines, { paced: true, tty: true });
    expect(paced.hostMs).toBeGreaterThan(99_000);
  });

  it('works as fast as it can at the prompt, too', async () => {
    const lines = ['primes 100000 > /dev/null &', 'wait', 'exit'].map((text) => ({ text, afterMs: 100 }));
    const { hostMs, virtualMs } = await session(lines, { paced: false, tty: true });
    expect(virtualMs).toBeGreaterThan(1000);
    expect(hostMs).toBeLessThan(500);
  });
});
