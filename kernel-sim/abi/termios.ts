import { layout } from './layout.ts';

/* struct termios. Source: FreeBSD 9.0 sys/sys/_termios.h, sys/sys/ttydefaults.h. */

/** c_iflag. */
export const IGNBRK = 0x1;
export const BRKINT = 0x2;
export const IGNPAR = 0x4;
export const PARMRK = 0x8;
export const INPCK = 0x10;
export const ISTRIP = 0x20;
export const INLCR = 0x40;
export const IGNCR = 0x80;
export const ICRNL = 0x100;
export const IXON = 0x200;
export const IXOFF = 0x400;
export const IXANY = 0x800;
export const IMAXBEL = 0x2000;

/** c_oflag. */
export const OPOST = 0x1;
export const ONLCR = 0x2;
export const TAB3 = 0x4;
export const ONOEOT = 0x8;
export const OCRNL = 0x10;
export const ONOCR = 0x20;
export const ONLRET = 0x40;

/** c_cflag. */
export const CS8 = 0x300;
export const CREAD = 0x800;
export const HUPCL = 0x4000;
export const CLOCAL = 0x8000;

/** c_lflag. */
export const ECHOKE = 0x1;
export const ECHOE = 0x2;
export const ECHOK = 0x4;
export const ECHO = 0x8;
export const ECHONL = 0x10;
export const ECHOPRT = 0x20;
export const ECHOCTL = 0x40;
export const ISIG = 0x80;
export const ICANON = 0x100;
export const ALTWERASE = 0x200;
export const IEXTEN = 0x400;
export const TOSTOP = 0x400000;
export const FLUSHO = 0x800000;
export const NOKERNINFO = 0x2000000;
export const NOFLSH = 0x80000000;

/** Indices into c_cc. */
export const VEOF = 0;
export const VEOL = 1;
export const VERASE = 3;
export const VWERASE = 4;
export const VKILL = 5;
export const VREPRINT = 6;
export const VERASE2 = 7;
export const VINTR = 8;
export const VQUIT = 9;
export const VSUSP = 10;
export const VSTART = 12;
export const VSTOP = 13;
export const VLNEXT = 14;
export const VMIN = 16;
export const VTIME = 17;
export const VSTATUS = 18;
const NCCS = 20;

/** A control character that is none. */
export const POSIX_VDISABLE = 0xff;

export interface Termios {
  readonly iflag: number;
  readonly oflag: number;
  readonly cflag: number;
  readonly lflag: number;
  /** NCCS bytes. */
  readonly cc: readonly number[];
  readonly ispeed: number;
  readonly ospeed: number;
}

const SPEED = 9600;
// EOF, EOL, EOL2, ERASE, WERASE, KILL, REPRINT, ERASE2, INTR, QUIT, SUSP, DSUSP, START, STOP, LNEXT, DISCARD, MIN, TIME, STATUS, spare
const CONTROL_CHARACTERS = [4, 255, 255, 127, 23, 21, 18, 8, 3, 28, 26, 25, 17, 19, 22, 15, 1, 0, 20, 255];

/** What a terminal starts with. */
export const TTYDEF: Termios = {
  iflag: BRKINT | ICRNL | IXON | IXANY | IMAXBEL,
  oflag: OPOST | ONLCR,
  cflag: CREAD | CS8 | HUPCL,
  lflag: ECHO | ICANON | ISIG | IEXTEN | ECHOE | ECHOKE | ECHOCTL,
  cc: CONTROL_CHARACTERS,
  ispeed: SPEED,
  ospeed: SPEED,
};

/** Bytes go through as they are: cfmakeraw(3). */
export const RAW: Termios = { ...TTYDEF, iflag: 0, oflag: 0, lflag: 0 };

// Bits that a terminal has (TTYSUP_ of sys/kern/tty.c); CIGNORE, CSIZE, CSTOPB, PARENB and flow control are among those of c_cflag.
const TTYSUP_IFLAG = 0x2fff;
const TTYSUP_OFLAG = 0x7f;
const TTYSUP_CFLAG = 0x1fff01;
const TTYSUP_LFLAG =
  ECHOKE | ECHOE | ECHOK | ECHO | ECHONL | ECHOPRT | ECHOCTL | ISIG | ICANON | ALTWERASE | IEXTEN | TOSTOP | FLUSHO;

const termiosLayout = layout(44, [
  { name: 'iflag', at: 0, kind: 'u32' },
  { name: 'oflag', at: 4, kind: 'u32' },
  { name: 'cflag', at: 8, kind: 'u32' },
  { name: 'lflag', at: 12, kind: 'u32' },
  { name: 'ispeed', at: 36, kind: 'u32' },
  { name: 'ospeed', at: 40, kind: 'u32' },
]);
const CC_AT = 16;
export const TERMIOS_SIZE = termiosLayout.sizeBytes;

/** Layout: c_iflag, c_oflag, c_cflag, c_lflag, 20 control characters, c_ispeed, c_ospeed; 44 bytes. */
export function encodeTermios(termios: Termios): Uint8Array {
  const bytes = new Uint8Array(TERMIOS_SIZE);
  termiosLayout.put(new DataView(bytes.buffer), 0, termios);
  bytes.set(termios.cc, CC_AT);
  return bytes;
}

/** The inverse, without bits that no terminal has; an input speed of 0 means that of the output. */
export function decodeTermios(bytes: Uint8Array): Termios {
  const raw = termiosLayout.get(new DataView(bytes.buffer, bytes.byteOffset), 0);
  return {
    iflag: raw.iflag & TTYSUP_IFLAG,
    oflag: raw.oflag & TTYSUP_OFLAG,
    cflag: raw.cflag & TTYSUP_CFLAG,
    lflag: (raw.lflag & (TTYSUP_LFLAG | NOKERNINFO | NOFLSH)) >>> 0,
    cc: [...bytes.subarray(CC_AT, CC_AT + NCCS)],
    ispeed: raw.ispeed || raw.ospeed,
    ospeed: raw.ospeed,
  };
}
