import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { UsageError } from '../../emu/base/errors.ts';

/** Larger files are refused: no core, program or scenario is that big. */
const FILE_MAX = 1 << 30;

/** The system's error as the user's: what, where, what to do. */
function asUsageError(error: unknown, path: string, doing: string): UsageError {
  const code = (error as NodeJS.ErrnoException).code;
  const known: Record<string, [what: string, hint: string]> = {
    ENOENT: ['does not exist', 'check the path'],
    EISDIR: ['is a folder', 'name a file'],
    EACCES: ['may not be accessed', 'check its permissions'],
    EPERM: ['may not be accessed', 'check its permissions'],
    ENOTDIR: ['lies below something that is no folder', 'check the path'],
    ENOSPC: ['cannot be written: the disk is full', 'free some room'],
    EROFS: ['cannot be written: the file system is read-only', 'choose another place'],
  };
  const [what, hint] = (code && known[code]) || [`cannot be ${doing}: ${(error as Error).message}`, undefined];
  return new UsageError({ what, path, hint });
}

/** A whole file. Errors: UsageError with the path. */
export function readHostFile(path: string): Uint8Array {
  try {
    const found = statSync(path);
    if (found.isCharacterDevice() || found.isBlockDevice())
      throw new UsageError({ what: 'is a device', path, hint: 'name a file' });
    const { size } = found;
    if (size > FILE_MAX) throw new UsageError({ what: `is too large (${size} bytes)`, path });
    const bytes = readFileSync(path);
    return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  } catch (error) {
    throw error instanceof UsageError ? error : asUsageError(error, path, 'read');
  }
}

/** A folder and those above it. Node's own `recursive` never comes back where nothing can be made, below /proc. */
function makeFolder(path: string): void {
  if (existsSync(path)) return;
  makeFolder(dirname(path));
  try {
    mkdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/**
 * Writes a file whole or not at all: to a temporary name beside it, fsync, rename. Folders above it are made. What a symbolic link leads to is
 * written, and devices and pipes (`/dev/stdout`) are written into. Errors: UsageError with the path; then the old file, if any, is untouched.
 */
export function writeHostFile(path: string, contents: string | Uint8Array | Iterable<string>): void {
  const pieces = typeof contents === 'string' || contents instanceof Uint8Array ? [contents] : contents;
  try {
    const old = statSync(path, { throwIfNoEntry: false });
    if (old && !old.isFile()) writePieces(openSync(path, 'w'), pieces);
    else if (old) replaceFile(realpathSync(path), pieces);
    else {
      makeFolder(dirname(path));
      replaceFile(path, pieces);
    }
  } catch (error) {
    throw asUsageError(error, path, 'written');
  }
}

function replaceFile(path: string, pieces: Iterable<string | Uint8Array>): void {
  const temporary = join(dirname(path), `.${process.pid}.${basename(path)}.tmp`);
  const fd = openSync(temporary, 'w');
  try {
    writePieces(fd, pieces, fsyncSync);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

/** Closes the file in any case. */
function writePieces(fd: number, pieces: Iterable<string | Uint8Array>, finish?: (fd: number) => void): void {
  try {
    for (const piece of pieces) writeAll(fd, piece);
    finish?.(fd);
  } finally {
    closeSync(fd);
  }
}

/** A text file that grows line by line, so that what was written is there whatever becomes of us. Errors: UsageError with the path. */
export function openTextFile(path: string): { write(text: string): void; close(): void } {
  const attempt = <T>(work: () => T): T => {
    try {
      return work();
    } catch (error) {
      throw asUsageError(error, path, 'written');
    }
  };
  const fd = attempt(() => {
    makeFolder(dirname(path));
    return openSync(path, 'w');
  });
  return { write: (text) => attempt(() => writeAll(fd, text)), close: () => closeSync(fd) };
}

function writeAll(fd: number, piece: string | Uint8Array): void {
  const bytes = typeof piece === 'string' ? Buffer.from(piece, 'utf8') : piece;
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}
