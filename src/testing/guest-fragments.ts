import { at, type GuestProgram, program, SCRATCH } from './guest-program.ts';

/*
 * Guest programs put together from fragments whose effect is known: each has i386 code and, beside it, what it does to a model of the
 * process. The whole state of a program is one 32-bit word `x`, a few pages, and what the kernel keeps for it, so that whatever a
 * recovery forgets shows in what is printed next.
 */

/** One thing that a program does. Programs are lists of them; a list is JSON data. */
export type GuestFragment =
  /** Computes: so many steps of x = x * 1664525 + 1013904223. About four instructions a step. */
  | { readonly do: 'mix'; readonly turns: number }
  /** Writes x and its successors into the first words of so many pages (1 to 8). */
  | { readonly do: 'fill'; readonly pages: number }
  /** Takes what all pages hold into x. */
  | { readonly do: 'sum' }
  /** Writes x to the console: eight hexadecimal digits and a newline, in one write(2). */
  | { readonly do: 'print' }
  | { readonly do: 'sleep'; readonly us: number }
  /** setpriority(2) of itself: 0 to 20. */
  | { readonly do: 'nice'; readonly nice: number }
  /** Blocks SIGUSR1 and sends it to itself: from now on it is pending. (A handler that does nothing stands ready.) */
  | { readonly do: 'pend' }
  /** Takes nice value and pending signals, as the kernel tells them, into x. */
  | { readonly do: 'ask' }
  /** Forks; the child does these (no more forks), ends with the low byte of x; the parent waits and takes the status into x. */
  | { readonly do: 'fork'; readonly child: readonly GuestFragment[] };

export interface GeneratedProgram {
  /** Name in /bin. */
  readonly name: string;
  readonly elf: Uint8Array;
  /** What each of its processes writes, sorted. */
  readonly outputs: readonly string[];
}

const X = SCRATCH + 0x100;
const STATUS = SCRATCH + 0x104;
const CHILD = SCRATCH + 0x108;
const TEXT = SCRATCH + 0x110;
const SET = SCRATCH + 0x120;
const PAGES = 0x2000_0000;
const PAGES_MAX = 8;
const PAGE = 4096;
const MULTIPLIER = 1664525;
const INCREMENT = 1013904223;
const SIGUSR1 = 30;
const SIGUSR1_BIT = 1 << (SIGUSR1 - 1);
const SIG_BLOCK = 1;
const HANDLER = 'handler';
const PROT_RW = 3;
/** MAP_PRIVATE, MAP_FIXED, MAP_ANON. */
const MAP_FLAGS = 0x0002 | 0x0010 | 0x1000;

/** The program of these fragments, from x = `seed`. It prints x at its end, and exits with 0. */
export function guestProgram(name: string, fragments: readonly GuestFragment[], seed = 1): GeneratedProgram {
  const whole: GuestFragment[] = [...fragments, { do: 'print' }];
  const built = program((p) => {
    p.sys('mmap', PAGES, PAGES_MAX * PAGE, PROT_RW, MAP_FLAGS, -1, 0, 0).set(X, seed | 0);
    const digits = p.text('0123456789abcdef');
    p.routine(HANDLER, (handler) => handler.raw('c3'));
    for (const fragment of whole) emit(p, fragment, digits);
    p.sys('exit', 0);
  });
  const outputs: string[] = [];
  outputs.push(play(whole, { x: seed | 0, pages: new Array(PAGES_MAX).fill(0), nice: 0, pending: 0 }, outputs).text);
  return { name, elf: built.elf(), outputs: outputs.filter((text) => text !== '').sort() };
}

// ---- code ------------------------------------------------------------------------------------------------------------------

const le32 = (n: number): string =>
  [0, 8, 16, 24].map((by) => ((n >>> by) & 255).toString(16).padStart(2, '0')).join('');
/** imul eax, eax, MULTIPLIER; add eax, INCREMENT */
const STEP = `69c0${le32(MULTIPLIER)}05${le32(INCREMENT)}`;
/** xor eax, [X]; then a step; mov [X], eax */
const TAKE_EAX = `3305${le32(X)}${STEP}a3${le32(X)}`;

function emit(p: GuestProgram, fragment: GuestFragment, digits: number): void {
  switch (fragment.do) {
    case 'mix':
      // mov ecx, turns; 1: step; dec ecx; jnz 1b
      p.load(X)
        .raw(`b9${le32(fragment.turns)}${STEP}4975f2`)
        .store(X);
      return;
    case 'fill':
      for (let page = 0; page < fragment.pages; page++)
        p.load(X)
          .raw(STEP)
          .store(X)
          .store(PAGES + page * PAGE);
      return;
    case 'sum':
      for (let page = 0; page < PAGES_MAX; page++) p.load(PAGES + page * PAGE).raw(TAKE_EAX);
      return;
    case 'print':
      // mov edi, TEXT; mov ecx, 8; 1: rol eax, 4; mov edx, eax; and edx, 15; mov dl, digits[edx]; mov [edi], dl; inc edi; dec ecx; jnz 1b
      p.load(X).raw(`bf${le32(TEXT)}b908000000c1c00489c283e20f8a92${le32(digits)}8817474975ec`);
      p.raw(`c605${le32(TEXT + 8)}0a`).sys('write', 1, TEXT, 9);
      return;
    case 'sleep':
      p.sleep(fragment.us * 1000);
      return;
    case 'nice':
      p.sys('setpriority', 0, 0, fragment.nice);
      return;
    case 'pend':
      p.sys('sigaction', SIGUSR1, p.words(p.address(HANDLER), 0, 0, 0, 0, 0), 0);
      p.sys('sigprocmask', SIG_BLOCK, p.words(SIGUSR1_BIT, 0, 0, 0), 0);
      p.sys('getpid').store(CHILD).sys('kill', at(CHILD), SIGUSR1);
      return;
    case 'ask':
      p.sys('getpriority', 0, 0).raw(TAKE_EAX).sys('sigpending', SET).load(SET).raw(TAKE_EAX);
      return;
    case 'fork':
      p.sys('fork')
        .store(CHILD)
        .ifZero((c) => {
          for (const each of fragment.child) emit(c, each, digits);
          c.sys('exit', at(X));
        });
      p.sys('wait4', at(CHILD), STATUS, 0, 0).load(STATUS).raw(TAKE_EAX);
      return;
  }
}

// ---- model -----------------------------------------------------------------------------------------------------------------

interface Model {
  x: number;
  pages: number[];
  nice: number;
  pending: number;
}

const next = (x: number): number => (Math.imul(x, MULTIPLIER) + INCREMENT) | 0;

/** Plays fragments; outputs of children are added to `outputs`. */
function play(fragments: readonly GuestFragment[], m: Model, outputs: string[]): { text: string } {
  let text = '';
  const take = (value: number): void => {
    m.x = next(m.x ^ value);
  };
  for (const fragment of fragments) {
    switch (fragment.do) {
      case 'mix':
        for (let turn = 0; turn < fragment.turns; turn++) m.x = next(m.x);
        break;
      case 'fill':
        for (let page = 0; page < fragment.pages; page++) {
          m.x = next(m.x);
          m.pages[page] = m.x;
        }
        break;
      case 'sum':
        for (const word of m.pages) take(word);
        break;
      case 'print':
        text += `${(m.x >>> 0).toString(16).padStart(8, '0')}\n`;
        break;
      case 'sleep':
        break;
      case 'nice':
        m.nice = fragment.nice;
        break;
      case 'pend':
        m.pending = SIGUSR1_BIT;
        break;
      case 'ask':
        take(m.nice);
        take(m.pending);
        break;
      case 'fork': {
        const child = { ...m, pages: [...m.pages], pending: 0 };
        outputs.push(play(fragment.child, child, outputs).text);
        take((child.x & 0xff) << 8);
        break;
      }
    }
  }
  return { text };
}
