import { openTextFile } from '../host/files.ts';
import { straceLine } from '../report/strace.ts';
import { recordStrace } from '../report/strace-recorder.ts';
import type { System } from '../system.ts';

/**
 * Writes each system call from now on to a file, or to standard error for `-`; nothing without a target. Returns what to do at the end.
 * Errors: UsageError when the file cannot be written.
 */
export function startStrace(system: System, target: string | undefined): () => void {
  if (target === undefined) return () => {};
  if (target === '-') {
    recordStrace(system, (record) => process.stderr.write(`${straceLine(record)}\n`));
    return () => {};
  }
  const file = openTextFile(target);
  recordStrace(system, (record) => file.write(`${straceLine(record)}\n`));
  return () => file.close();
}
