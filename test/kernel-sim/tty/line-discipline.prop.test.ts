import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Termios, TTYDEF } from '../../../kernel-sim/abi/termios.ts';
import { bytesOf, latin1 } from '../../../kernel-sim/kern/kernel.ts';
import type { Tty } from '../../../kernel-sim/kern/state.ts';
import { LineDiscipline } from '../../../kernel-sim/tty/line-discipline.ts';
import { newPty } from '../../../kernel-sim/tty/tty.ts';
import { property } from '../../support/property.ts';

/** What a line is made of: a character, and whether it was typed behind ^V. */
interface Typed {
  readonly c: string;
  readonly quoted: boolean;
}

/** What a terminal in its initial modes should make of keys, in a few words: finished lines, and the one that is being typed. */
class Model {
  readonly finished: Typed[][] = [];
  line: Typed[] = [];
  private quotes = false;

  key(c: string): void {
    if (this.quotes) {
      this.quotes = false;
      this.line.push({ c, quoted: true });
      return;
    }
    switch (c) {
      case '\x16':
        this.quotes = true;
        return;
      case '\x7f':
      case '\b':
        this.line.pop();
        return;
      case '\x15':
        this.line = [];
        return;
      case '\x17':
        while (/[ \t]/.test(this.line.at(-1)?.c ?? 'x')) this.line.pop();
        while (/[^ \t]/.test(this.line.at(-1)?.c ?? ' ')) this.line.pop();
        return;
      case '\x03':
        this.finished.length = 0;
        this.line = [];
        return;
      case '\r':
      case '\n':
      case '\x04':
        this.finished.push([...this.line, { c: c === '\r' ? '\n' : c, quoted: false }]);
        this.line = [];
        return;
      default:
        this.line.push({ c, quoted: false });
    }
  }

  get input(): string {
    return [...this.finished.flat(), ...this.line].map(({ c }) => c).join('');
  }

  /** How the line that is being typed looks, from column `from` on. */
  shown(from: number): string {
    let text = '';
    for (const { c, quoted } of this.line) {
      const code = c.charCodeAt(0);
      if (c === '\t' && !quoted) text += ' '.repeat(8 - ((from + text.length) % 8));
      else if (c === '\x7f') text += '^?';
      else if (code < 32) text += `^${String.fromCharCode(code + 64)}`;
      else text += c;
    }
    return text;
  }
}

/** The last line of a screen that is wide enough. */
class Screen {
  cells: string[] = [];
  column = 0;

  write(text: string): void {
    for (const c of text) {
      if (c === '\b') this.column = Math.max(0, this.column - 1);
      else if (c === '\r') this.column = 0;
      else if (c === '\n') this.cells = [];
      else if (c === '\t') this.column += 8 - (this.column % 8);
      else this.cells[this.column++] = c;
    }
  }

  get text(): string {
    return Array.from({ length: this.column }, (_, n) => this.cells[n] ?? ' ').join('');
  }
}

const step = (tty: Tty, change: (line: LineDiscipline) => void): { tty: Tty; output: string } => {
  const line = new LineDiscipline(tty);
  change(line);
  const output = latin1(line.takeOutput());
  return { tty: line.result(), output };
};
const typeAll = (tty: Tty, keys: string): { tty: Tty; output: string } =>
  step(tty, (line) => {
    for (const byte of bytesOf(keys)) line.type(byte);
  });

const keys = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.constantFrom(...'ab Z9_-. ') },
    {
      weight: 4,
      arbitrary: fc.constantFrom('\x7f', '\b', '\x15', '\x17', '\x16', '\r', '\n', '\x04', '\t', '\x01', '\x03'),
    },
    { weight: 1, arbitrary: fc.integer({ min: 0xa0, max: 0xfe }).map((n) => String.fromCharCode(n)) },
  ),
  { maxLength: 60 },
);
const PTY: Tty = { ...newPty('pts/0'), inputMax: 1920 };

describe('the line discipline', () => {
  it('makes of keys the lines that a small model makes', () => {
    fc.assert(
      fc.property(keys, (typed) => {
        const model = new Model();
        for (const key of typed) model.key(key);
        const { tty } = typeAll(PTY, typed.join(''));
        expect(latin1(tty.input)).toBe(model.input);
        expect(tty.readable).toBe(model.finished.flat().length);
      }),
      property(500),
    );
  });

  it('shows on the screen what is being typed, behind what a program has written', () => {
    fc.assert(
      fc.property(keys, fc.constantFrom('', '$ ', 'name:\t', 'x'.repeat(13)), (typed, prompt) => {
        const model = new Model();
        const screen = new Screen();
        let column = 0;
        let { tty, output } = step(PTY, (line) => line.write(bytesOf(prompt)));
        screen.write(output);
        column = screen.column;
        for (const [n, key] of typed.entries()) {
          model.key(key);
          ({ tty, output } = typeAll(tty, key));
          screen.write(output);
          // ^V shows a caret for the time being; ^D is behind the cursor, where a tab does not hide it; ^C stays.
          if (key === '\x04') screen.cells.length = screen.column;
          if (key === '\x16' && typed[n - 1] !== '\x16') continue;
          if (model.line.length === 0 && '\r\n\x04\x03'.includes(key)) {
            if (key === '\x03') return;
            column = screen.column;
          }
          const shown = model.shown(column);
          expect(screen.column).toBe(column + shown.length);
          expect(screen.text.slice(column)).toBe(shown);
        }
      }),
      property(500),
    );
  });

  it('passes every byte through in raw mode, and never has more than there is room for', () => {
    const modes = fc.record({
      iflag: fc.nat(0x2fff),
      oflag: fc.nat(0x7f),
      lflag: fc.nat(0x5cb),
    });
    const pieces = fc.array(fc.record({ types: fc.boolean(), bytes: fc.uint8Array({ maxLength: 300 }) }), {
      maxLength: 20,
    });
    fc.assert(
      fc.property(modes, pieces, (flags, all) => {
        const termios: Termios = { ...TTYDEF, ...flags };
        let tty: Tty = { ...PTY, termios };
        for (const { types, bytes } of all) {
          const before = tty;
          ({ tty } = step(tty, (line) => {
            if (types) for (const byte of bytes) line.type(byte);
            else line.write(bytes);
          }));
          const wholeInput = flags.iflag === 0 && (flags.lflag & 0x588) === 0 && types;
          if (wholeInput && before.input.length + bytes.length <= 1920)
            expect(latin1(tty.input)).toBe(latin1(before.input) + latin1(bytes));
          expect(tty.input.length).toBeLessThanOrEqual(tty.inputMax);
          expect(tty.quoted.length).toBe(tty.input.length);
          expect(tty.readable).toBeLessThanOrEqual(tty.input.length);
          expect(tty.reprintFrom).toBeLessThanOrEqual(tty.input.length);
        }
      }),
      property(150),
    );
  });
});
