/** `text` in lines of at most `width`, after `head` in the first and `indent` in the others. Words too long for a line are cut where it ends. */
export function wrapWords(head: string, indent: string, text: string, width: number): string[] {
  const lines: string[] = [];
  let current = head + (/^ +/.exec(text)?.[0] ?? '');
  let empty = true;
  for (const word of text.trimStart().split(' ')) {
    let rest = word;
    if (!empty && current.length + 1 + rest.length > width) {
      lines.push(current);
      current = indent;
      empty = true;
    }
    if (!empty) current += ' ';
    while (current.length + rest.length > width) {
      const room = width - current.length;
      lines.push(current + rest.slice(0, room));
      rest = rest.slice(room);
      current = indent;
    }
    current += rest;
    empty = false;
  }
  lines.push(current);
  return lines;
}
