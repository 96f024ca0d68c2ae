import { describe, expect, it } from 'vitest';
import { bytesOf } from '../../../kernel-sim/kern/kernel.ts';
import { feedConsole } from '../../../kernel-sim/vfs/console.ts';
import { System } from '../../../src/system.ts';
import { guestPrograms } from '../../support/guest.ts';

/** An interactive shell on the console, and what stands on the screen. */
class Session {
  readonly system = new System({ cores: 2, cycleNs: 1000, consoleIsTty: true, paranoid: true });
  readonly shell: number;
  private screen = '';
  private shown = 0;

  constructor() {
    for (const file of guestPrograms('sh', 'cat', 'spin', 'sleep', 'kill')) this.system.install(file);
    this.system.onEvent((event) => {
      if (event.kind === 'echo' || event.kind === 'output') this.screen += event.text;
    });
    this.shell = this.system.spawn({ path: '/bin/sh', args: ['sh', '-i'], login: true });
    this.type('');
  }

  /** What appears while the machine runs on for half a second after the keys. */
  type(keys: string): string {
    feedConsole(this.system.kernel, bytesOf(keys));
    this.system.run({ untilNs: this.system.machine.nowNs + 500e6 });
    const fresh = this.screen.slice(this.shown);
    this.shown = this.screen.length;
    return fresh.replaceAll('\r', '');
  }
}

describe('an interactive shell', () => {
  it('stops, lists, continues and interrupts what runs in the foreground', () => {
    const s = new Session();
    expect(s.type('cat\rone\r')).toBe('cat\none\none\n');
    expect(s.type('\x1a')).toMatch(/^\^Z\n\[(\d+)\] Stopped {2}cat\n\$ $/);
    expect(s.type('jobs\r')).toMatch(/Stopped {2}cat\n\$ $/);
    expect(s.type('fg\rtwo\r')).toMatch(/cat\n.*two\n$/s);
    expect(s.type('\x04')).toBe('^D\b\b$ ');
    s.type('spin\r');
    expect(s.type('\x03')).toBe('^C\n$ ');
    expect(s.type('half a line\x03')).toBe('half a line^C\n$ ');
    s.type('sleep 100 | cat\r');
    expect(s.type('\x1c')).toMatch(/^\^\\Quit.*\$ $/s);
  });

  it('lets jobs run in the background, where they may not read', () => {
    const s = new Session();
    const job = /\[(\d+)\]/.exec(s.type('spin &\r'))![1];
    expect(s.type('jobs\r')).toContain(`[${job}] Running  spin`);
    s.type('fg\r');
    expect(s.type('\x1a')).toContain(`[${job}] Stopped  spin`);
    expect(s.type(`bg %${job}\rjobs\r`)).toContain(`[${job}] Running  spin`);
    s.type('kill $!\r');
    expect(s.type('jobs\r')).toContain(`[${job}] Terminated  spin`);
    s.type('cat &\r');
    expect(s.type('jobs\r')).toContain('Stopped  cat');
    expect(s.type('fg\rback\r\x04')).toMatch(/back\n.*back\n/s);
  });

  it('hangs up what it has stopped when it ends', () => {
    const s = new Session();
    s.type('cat\r');
    s.type('\x1a');
    s.type('spin &\r');
    s.type('exit\r');
    const { kernel } = s.system;
    expect(kernel.findProc(s.shell)).toBeUndefined();
    // Nobody hangs up what runs in the background.
    expect([...kernel.state.procs.values()].map(({ comm }) => comm)).toEqual(['init', 'spin']);
  });

  it('is one and the same state again after a snapshot in the middle of a line', () => {
    const s = new Session();
    s.type('cat\rone\x16');
    const twin = System.from(s.system.snapshot());
    for (const system of [s.system, twin]) {
      feedConsole(system.kernel, bytesOf('\x04\x7f two\x17\x17three\r\x1a'));
      system.run({ untilNs: system.machine.nowNs + 500e6 });
    }
    expect(twin.isAt(s.system.snapshot())).toBe(true);
    expect(twin.events.at(-1)).toEqual(s.system.events.at(-1));
  });
});
