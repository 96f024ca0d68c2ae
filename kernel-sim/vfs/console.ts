import type { Kernel } from '../kern/kernel.ts';
import { CONSOLE, putTty, readerChannel, typeInto } from '../tty/tty.ts';

/* The host's side of the console. */

/** Somebody types. On a terminal the line discipline works on it; what it has no room for is lost. */
export function feedConsole(k: Kernel, bytes: Uint8Array): void {
  const tty = k.tty(CONSOLE);
  if (tty.inputEnded) return;
  if (k.config.consoleIsTty) {
    typeInto(k, CONSOLE, bytes);
    return;
  }
  const input = new Uint8Array(tty.input.length + bytes.length);
  input.set(tty.input);
  input.set(bytes, tty.input.length);
  putTty(k, { ...tty, input, quoted: new Uint8Array(input.length), readable: input.length });
}

/** No more input will come; readers get what there is, then end of file. */
export function closeConsoleInput(k: Kernel): void {
  const tty = k.tty(CONSOLE);
  putTty(k, { ...tty, readable: tty.input.length, inputEnded: true });
}

/** True while a thread sleeps in a read from the console. */
export function consoleIsRead(k: Kernel): boolean {
  for (const { sleep } of k.state.threads.values()) if (sleep?.wchan === readerChannel(CONSOLE)) return true;
  return false;
}
