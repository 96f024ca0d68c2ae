import type { NativePrograms } from '../../kernel-sim/kern/native.ts';
import { RESTART_PROGRAM } from '../../kernel-sim/kern/recovery.ts';
import { restartProgram } from './restart-program.ts';

/** The native programs that a system knows. */
export const NATIVE_PROGRAMS: NativePrograms = new Map([[RESTART_PROGRAM, restartProgram]]);
