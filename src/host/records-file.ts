import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { UsageError } from '../../emu/base/errors.ts';

/** A file to which whole lines are appended. What was written before a kill stays; at most the last line is cut. */
export class LineFile {
  private readonly fd: number;
  private readonly path: string;

  /** A new file; with `keepBytes` an old one, cut to its first so many bytes. Errors: UsageError naming the path. */
  constructor(path: string, keepBytes?: number) {
    this.path = path;
    try {
      this.fd = openSync(path, keepBytes === undefined ? 'wx' : 'r+');
      if (keepBytes !== undefined) ftruncateSync(this.fd, keepBytes);
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      if (code === 'EEXIST')
        throw new UsageError({ what: 'exists already', path, hint: 'go on with it by --resume, or name another' });
      throw new UsageError({ what: `cannot be written: ${message}`, path });
    }
    this.end = keepBytes ?? 0;
  }

  private end: number;

  append(text: string): void {
    const bytes = Buffer.from(text, 'utf8');
    try {
      for (let done = 0; done < bytes.length; ) {
        const written = writeSync(this.fd, bytes, done, bytes.length - done, this.end);
        done += written;
        this.end += written;
      }
    } catch (error) {
      throw new UsageError({
        what: `cannot be written: ${(error as Error).message}`,
        path: this.path,
        hint: 'what is there stays; --resume goes on',
      });
    }
  }

  close(): void {
    closeSync(this.fd);
  }
}
