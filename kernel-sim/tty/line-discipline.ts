import type { Signo } from '../abi/ids.ts';
import { SIGINFO, SIGINT, SIGQUIT, SIGTSTP } from '../abi/signal.ts';
import {
  ALTWERASE,
  ECHO,
  ECHOCTL,
  ECHOE,
  ECHONL,
  ICANON,
  ICRNL,
  IEXTEN,
  IGNCR,
  IMAXBEL,
  INLCR,
  ISIG,
  ISTRIP,
  IXANY,
  IXON,
  NOFLSH,
  OCRNL,
  ONLCR,
  ONLRET,
  ONOCR,
  ONOEOT,
  OPOST,
  PARMRK,
  POSIX_VDISABLE,
  TAB3,
  VEOF,
  VEOL,
  VERASE,
  VERASE2,
  VINTR,
  VKILL,
  VLNEXT,
  VQUIT,
  VREPRINT,
  VSTART,
  VSTATUS,
  VSTOP,
  VSUSP,
  VWERASE,
} from '../abi/termios.ts';
import { TIOCPKT_FLUSHREAD, TIOCPKT_FLUSHWRITE } from '../abi/ttycom.ts';
import type { Tty } from '../kern/state.ts';

/*
 * What a terminal makes of the bytes that are typed and written: FreeBSD 9.1 kern/tty_ttydisc.c. There are no lines with breaks or
 * parity here, so what c_iflag says of those has no effect.
 */

const BELL = 7;
const BACKSPACE = 8;
const TAB = 9;
const NEWLINE = 10;
const CARRIAGE_RETURN = 13;
const END_OF_TEXT = 4;
const SPACE = 0x20;
const DELETE = 0x7f;

/** In the input queue: typed behind VLNEXT, so that it means nothing but itself. */
const QUOTED = 0x100;

const ascii = (text: string): number[] => Array.from(text, (c) => c.charCodeAt(0));
const isControl = (c: number): boolean => c === DELETE || c < SPACE;
const isWhite = (c: number): boolean => c === SPACE || c === TAB;
const isAlphanumeric = (c: number): boolean => /[0-9A-Za-z]/.test(String.fromCharCode(c));
/** CTL_PRINT: echoed as ^X where ECHOCTL is set. */
const isShownAsCaret = (c: number, quoted: boolean): boolean =>
  c === DELETE || (c < SPACE && (quoted || (c !== TAB && c !== NEWLINE)));

/** Is this byte, typed as it is, the end of a line? */
export const endsLine = ({ cc }: Tty['termios'], c: number): boolean =>
  c === NEWLINE || (c !== POSIX_VDISABLE && (c === cc[VEOF] || c === cc[VEOL]));

/** A terminal while it is being changed: takes bytes, then gives the record of what has become of it. */
export class LineDiscipline {
  /** For the foreground process group, in order. */
  readonly signals: Signo[] = [];
  private readonly tty: Tty;
  private readonly input: number[];
  private output: number[];
  private readable: number;
  private reprintFrom: number;
  private column: number;
  private writeColumn: number;
  private literalNext: boolean;
  private stopped: boolean;
  private packetEvents: number;

  constructor(tty: Tty) {
    this.tty = tty;
    const { input, quoted } = tty;
    this.input = Array.from(input, (c, n) => (quoted[n] ? c | QUOTED : c));
    this.output = [...tty.output];
    ({
      readable: this.readable,
      reprintFrom: this.reprintFrom,
      column: this.column,
      writeColumn: this.writeColumn,
      literalNext: this.literalNext,
      stopped: this.stopped,
      packetEvents: this.packetEvents,
    } = tty);
  }

  result(): Tty {
    const { readable, reprintFrom, column, writeColumn, literalNext, stopped, packetEvents } = this;
    return {
      ...this.tty,
      input: Uint8Array.from(this.input),
      quoted: Uint8Array.from(this.input, (c) => (c & QUOTED ? 1 : 0)),
      output: Uint8Array.from(this.output),
      ...{ readable, reprintFrom, column, writeColumn, literalNext, stopped, packetEvents },
    };
  }

  // ---- what is typed -----------------------------------------------------------------------------------------------------

  /** ttydisc_rint: one byte is typed. False: there is no room for it before somebody reads. */
  type(byte: number): boolean {
    const { iflag } = this.tty.termios;
    if (iflag & IXANY) this.stopped = false;
    const c = iflag & ISTRIP ? byte & 0x7f : byte;
    if (this.literalNext) {
      this.literalNext = false;
      return this.store(c, true);
    }
    if (this.quotesNext(c) || this.raisesSignal(c) || this.startsOrStops(c)) return true;
    if (c === CARRIAGE_RETURN && iflag & IGNCR) return true;
    const typed =
      c === CARRIAGE_RETURN && iflag & ICRNL ? NEWLINE : c === NEWLINE && iflag & INLCR ? CARRIAGE_RETURN : c;
    return this.edits(typed) || this.store(typed, false);
  }

  private quotesNext(c: number): boolean {
    if (!this.local(IEXTEN) || !this.isKey(VLNEXT, c)) return false;
    if (this.local(ECHO) && this.local(ECHOE)) this.put(ascii('^\b'));
    else this.echo(c, false);
    this.literalNext = true;
    return true;
  }

  private raisesSignal(c: number): boolean {
    if (!this.local(ISIG)) return false;
    if (this.local(ICANON) && this.local(IEXTEN) && this.isKey(VSTATUS, c)) {
      this.signal(SIGINFO);
      return true;
    }
    const signo = this.isKey(VINTR, c)
      ? SIGINT
      : this.isKey(VQUIT, c)
        ? SIGQUIT
        : this.isKey(VSUSP, c)
          ? SIGTSTP
          : null;
    if (signo === null) return false;
    if (!this.local(NOFLSH)) {
      this.input.length = 0;
      this.readable = 0;
      this.reprintFrom = 0;
      this.output.length = 0;
      this.packetEvents |= TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE;
    }
    this.echo(c, false);
    this.signal(signo);
    return true;
  }

  private signal(signo: Signo): void {
    this.stopped = false;
    this.signals.push(signo);
  }

  private startsOrStops(c: number): boolean {
    if (!(this.tty.termios.iflag & IXON)) return false;
    // Where both are one key, it does either in turn.
    if (this.isKey(VSTOP, c) && (!this.stopped || !this.isKey(VSTART, c))) this.stopped = true;
    else if (this.isKey(VSTART, c)) this.stopped = false;
    else return false;
    return true;
  }

  private edits(c: number): boolean {
    if (!this.local(ICANON)) return false;
    if (this.isKey(VERASE, c) || this.isKey(VERASE2, c)) this.rubOut();
    else if (this.isKey(VKILL, c)) while (this.rubOut());
    else if (!this.local(IEXTEN)) return false;
    else if (this.isKey(VWERASE, c)) this.rubOutWord();
    else if (this.isKey(VREPRINT, c)) this.reprint();
    else return false;
    return true;
  }

  private store(c: number, quoted: boolean): boolean {
    const marked = (this.tty.termios.iflag & PARMRK) !== 0 && c === 0xff;
    const isQuoted = quoted || marked;
    const stored = isQuoted ? c | QUOTED : c;
    if (this.input.length + (marked ? 2 : 1) > this.tty.inputMax) {
      if (this.tty.termios.iflag & IMAXBEL) this.put([BELL]);
      // While nothing can be read nobody can make room: then it is thrown away.
      return this.readable === 0;
    }
    this.input.push(stored);
    if (marked) this.input.push(stored);
    if (!this.local(ICANON) || (!isQuoted && endsLine(this.tty.termios, c))) this.canonicalize();
    this.echo(c, isQuoted);
    return true;
  }

  /** ttyinq_canonicalize: all that was typed so far can be read, and not be changed any more. */
  canonicalize(): void {
    this.readable = this.input.length;
    this.reprintFrom = this.readable;
  }

  // ---- what is written ---------------------------------------------------------------------------------------------------

  /** ttydisc_write: a program writes. Returns how many bytes there was room for. */
  write(bytes: Uint8Array): number {
    for (const [n, c] of bytes.entries()) {
      if (this.tty.termios.oflag & OPOST && isControl(c)) {
        if (!this.process(c)) return n;
      } else {
        if (!this.put([c])) return n;
        this.column++;
      }
      this.writeColumn = this.column;
      this.reprintFrom = this.input.length;
    }
    return bytes.length;
  }

  /** ttydisc_write_oproc: a control character under OPOST. */
  private process(c: number): boolean {
    const { oflag } = this.tty.termios;
    switch (c) {
      case END_OF_TEXT:
        return (oflag & ONOEOT) !== 0 || this.put([c]);
      case BACKSPACE:
        if (!this.put([c])) return false;
        this.column = Math.max(0, this.column - 1);
        return true;
      case TAB: {
        const width = 8 - (this.column & 7);
        if (!this.put(oflag & TAB3 ? Array(width).fill(SPACE) : [c])) return false;
        this.column += width;
        return true;
      }
      case NEWLINE:
        if (!this.put(oflag & ONLCR ? [CARRIAGE_RETURN, NEWLINE] : [c])) return false;
        if (oflag & (ONLCR | ONLRET)) this.beginLine();
        return true;
      case CARRIAGE_RETURN:
        if (oflag & ONOCR && this.column === 0) return true;
        if (!this.put([oflag & OCRNL ? NEWLINE : c])) return false;
        this.beginLine();
        return true;
      default:
        return this.put([c]);
    }
  }

  private beginLine(): void {
    this.column = 0;
    this.writeColumn = 0;
    this.reprintFrom = this.input.length;
  }

  /** All of it or nothing. */
  private put(bytes: readonly number[]): boolean {
    if (this.output.length + bytes.length > this.tty.outputMax) return false;
    this.output.push(...bytes);
    return true;
  }

  /** What is to be seen on the screen since the last time. */
  takeOutput(): Uint8Array {
    const bytes = Uint8Array.from(this.output);
    this.output = [];
    return bytes;
  }

  // ---- echo --------------------------------------------------------------------------------------------------------------

  private echo(c: number, quoted: boolean): void {
    if (this.local(ECHO) || (this.local(ECHONL) && c === NEWLINE && !quoted)) this.show(c, quoted);
  }

  /** ttydisc_echo_force. */
  private show(c: number, quoted: boolean): void {
    const moves = c === BACKSPACE || c === TAB || c === NEWLINE || c === CARRIAGE_RETURN;
    if (this.tty.termios.oflag & OPOST && !quoted && moves) {
      this.process(c);
    } else if (this.local(ECHOCTL) && isShownAsCaret(c, quoted)) {
      const shown = ascii('^').concat(c === DELETE ? ascii('?') : [c + 0x40]);
      // The end of a file leaves no trace.
      if (!quoted && this.isKey(VEOF, c)) this.put([...shown, BACKSPACE, BACKSPACE]);
      else {
        this.column += 2;
        this.put(shown);
      }
    } else {
      this.column++;
      this.put([c]);
    }
  }

  private reprint(): void {
    const key = this.tty.termios.cc[VREPRINT]!;
    if (key !== POSIX_VDISABLE) this.echo(key, false);
    this.echo(NEWLINE, false);
    this.reprintFrom = this.readable;
    for (const c of this.input.slice(this.readable)) this.echo(c & 0xff, (c & QUOTED) !== 0);
  }

  // ---- editing -----------------------------------------------------------------------------------------------------------

  /** The last character of the line that is being typed; undefined: it is empty. */
  private get last(): number | undefined {
    return this.input.length > this.readable ? this.input.at(-1)! & 0xff : undefined;
  }

  /** ttydisc_rubchar: takes back one character. False: the line is empty. */
  private rubOut(): boolean {
    if (this.last === undefined) return false;
    const taken = this.input.pop()!;
    this.reprintFrom = Math.min(this.reprintFrom, this.input.length);
    if (!this.local(ECHO)) return true;
    const [c, quoted] = [taken & 0xff, (taken & QUOTED) !== 0];
    // A program has written over the line.
    if (this.writeColumn >= this.column) this.reprint();
    else if (!this.local(ECHOE)) this.echo(this.tty.termios.cc[VERASE]!, false);
    else if (isShownAsCaret(c, quoted)) {
      if (this.local(ECHOCTL)) this.moveBack(2, '\b\b  \b\b');
    } else if (c === SPACE) this.moveBack(1, '\b');
    else if (c === TAB) {
      const before = this.lineColumn();
      const width = before >= this.column ? 1 : Math.min(8, this.column - before);
      this.column = before;
      this.put(Array(width).fill(BACKSPACE));
    } else this.moveBack(1, '\b \b');
    return true;
  }

  private moveBack(columns: number, shown: string): void {
    this.column -= columns;
    this.put(ascii(shown));
  }

  /** ttydisc_recalc_linelength: the column at which the line that is being typed should end. */
  private lineColumn(): number {
    return this.input.slice(this.reprintFrom).reduce((column, typed) => {
      const [c, quoted] = [typed & 0xff, (typed & QUOTED) !== 0];
      if (isShownAsCaret(c, quoted)) return this.local(ECHOCTL) ? column + 2 : column;
      return column + (c === TAB ? 8 - (column & 7) : 1);
    }, this.writeColumn);
  }

  private rubOutWord(): void {
    while (this.last !== undefined && isWhite(this.last)) this.rubOut();
    if (this.last === undefined) return;
    const alphanumeric = isAlphanumeric(this.last);
    do this.rubOut();
    while (
      this.last !== undefined &&
      !isWhite(this.last) &&
      !(this.local(ALTWERASE) && isAlphanumeric(this.last) !== alphanumeric)
    );
  }

  private local(flag: number): boolean {
    return (this.tty.termios.lflag & flag) !== 0;
  }

  private isKey(index: number, c: number): boolean {
    const key = this.tty.termios.cc[index];
    return key !== POSIX_VDISABLE && key === c;
  }
}
