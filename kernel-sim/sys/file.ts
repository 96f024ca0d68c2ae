import { attributeSyscalls } from './file-attributes.ts';
import { descriptorSyscalls } from './file-descriptors.ts';
import { directorySyscalls } from './file-directory.ts';
import { extendedSyscalls } from './file-extended.ts';
import { lockSyscalls } from './file-lock.ts';
import { nameSyscalls } from './file-names.ts';
import { openSyscalls } from './file-open.ts';
import { statSyscalls } from './file-stat.ts';
import { fileSystemSyscalls } from './file-system.ts';
import { timesSyscalls } from './file-times.ts';
import { transferSyscalls } from './file-transfer.ts';
import type { SyscallRow } from './row.ts';

/** Every system call on files, descriptors and directories. */
export const fileSyscalls: readonly SyscallRow[] = [
  ...transferSyscalls,
  ...openSyscalls,
  ...descriptorSyscalls,
  ...lockSyscalls,
  ...nameSyscalls,
  ...attributeSyscalls,
  ...extendedSyscalls,
  ...timesSyscalls,
  ...statSyscalls,
  ...directorySyscalls,
  ...fileSystemSyscalls,
];
