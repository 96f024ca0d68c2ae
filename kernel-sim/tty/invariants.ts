import type { Kernel } from '../kern/kernel.ts';

/** What must hold of terminals between system calls. Returns one line for each thing that is wrong. */
export function checkTerminals(k: Kernel): string[] {
  const problems: string[] = [];
  const sessions = new Set<number>();
  for (const [name, tty] of k.state.ttys) {
    const where = `terminal ${name}`;
    if (tty.name !== name) problems.push(`${where} calls itself ${tty.name}`);
    if (tty.quoted.length !== tty.input.length)
      problems.push(`${where}: marks for ${tty.quoted.length} bytes of input`);
    if (tty.readable > tty.input.length || tty.reprintFrom > tty.input.length)
      problems.push(`${where}: more can be read than was typed`);
    if (tty.input.length > tty.inputMax || tty.output.length > tty.outputMax) problems.push(`${where} is too full`);
    if (tty.session === 0 && tty.foreground !== 0) problems.push(`${where} has a foreground group and no session`);
    if (tty.session !== 0 && sessions.has(tty.session)) problems.push(`session ${tty.session} has two terminals`);
    sessions.add(tty.session);
  }
  return problems;
}
