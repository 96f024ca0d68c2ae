import { execFileSync } from 'node:child_process';
import {
  closeSync,
  constants,
  existsSync,
  lstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openTextFile, readHostFile, writeHostFile } from '../../../src/host/files.ts';

const folder = (): string => mkdtempSync(join(tmpdir(), 'coreback-'));

describe('files of the host', () => {
  it('are written whole, with the folders above them', () => {
    const path = join(folder(), 'a', 'b', 'file');
    writeHostFile(path, ['one ', 'two']);
    expect(readFileSync(path, 'utf8')).toBe('one two');
    expect(readdirSync(join(path, '..'))).toEqual(['file']);
  });

  it('stay as they are when what is to be written cannot be made', () => {
    const path = join(folder(), 'file');
    writeFileSync(path, 'old');
    const pieces = function* () {
      yield 'new';
      throw new Error('no more');
    };
    expect(() => writeHostFile(path, pieces())).toThrow('cannot be written');
    expect(readFileSync(path, 'utf8')).toBe('old');
    expect(readdirSync(join(path, '..'))).toEqual(['file']);
  });

  it('behind a symbolic link are written where it leads, and devices and pipes stay what they are', () => {
    const at = folder();
    const [path, link, pipe] = ['file', 'link', 'pipe'].map((name) => join(at, name)) as [string, string, string];
    writeFileSync(path, 'old');
    symlinkSync('file', link);
    writeHostFile(link, 'new');
    expect(readFileSync(path, 'utf8')).toBe('new');
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    execFileSync('mkfifo', [pipe]);
    const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
    writeHostFile(pipe, 'through');
    expect(readFileSync(reader, 'utf8')).toBe('through');
    closeSync(reader);
    expect(lstatSync(pipe).isFIFO()).toBe(true);
    expect(() => writeHostFile(at, 'new')).toThrow('is a folder');
    expect(readdirSync(at).sort()).toEqual(['file', 'link', 'pipe']);
  });

  it('below something that is no folder are refused', () => {
    const path = join(folder(), 'file');
    writeFileSync(path, '');
    for (const write of [writeHostFile, openTextFile])
      expect(() => write(join(path, 'b', 'c'), '')).toThrow('below something that is no folder');
  });

  // Node's own mkdir with `recursive` never comes back there.
  it.runIf(existsSync('/proc/self'))('where nothing can be made are refused', () => {
    expect(() => writeHostFile('/proc/none/file', '')).toThrow('/proc/none/file: does not exist');
  });

  it.runIf(existsSync('/dev/zero'))('that are devices are not read: some have no end', () => {
    expect(() => readHostFile('/dev/zero')).toThrow('/dev/zero: is a device');
  });
});
