/** A line on stderr that is rewritten while something takes long; silent when stderr is no terminal. */
export class Progress {
  private lastMs = 0;
  private shown = false;
  private readonly startMs = Date.now();

  /** Says how far it is, at most five times a second and not in the first second. */
  report(text: () => string): void {
    if (!process.stderr.isTTY) return;
    const now = Date.now();
    if (now - this.startMs < 1000 || now - this.lastMs < 200) return;
    this.lastMs = now;
    this.shown = true;
    process.stderr.write(`\r\x1b[K${text()}`);
  }

  done(): void {
    if (this.shown) process.stderr.write('\r\x1b[K');
    this.shown = false;
  }
}
