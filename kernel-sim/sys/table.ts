import { assert } from '../../emu/base/errors.ts';
import { aioSyscalls } from './aio.ts';
import { cpusetSyscalls } from './cpuset.ts';
import { credentialSyscalls } from './credentials.ts';
import { eventSyscalls } from './event.ts';
import { fileSyscalls } from './file.ts';
import { machdepSyscalls } from './machdep.ts';
import { memorySyscalls } from './memory.ts';
import { procdescSyscalls } from './procdesc.ts';
import { processSyscalls } from './process.ts';
import { ptraceSyscalls } from './ptrace.ts';
import { resourceSyscalls } from './resource.ts';
import type { SyscallRow } from './row.ts';
import { schedulerSyscalls } from './scheduler.ts';
import { selectSyscalls } from './select.ts';
import { shmSyscalls } from './shm.ts';
import { signalSyscalls } from './signal.ts';
import { socketSyscalls } from './socket.ts';
import { socketTransferSyscalls } from './socket-transfer.ts';
import { sysctlSyscalls } from './sysctl.ts';
import { threadSyscalls } from './thread.ts';
import { timeSyscalls } from './time.ts';
import { timerSyscalls } from './timer.ts';
import { ttySyscalls } from './tty.ts';
import { uuidSyscalls } from './uuid.ts';

/** Every system call there is, by number. */
export const SYSCALLS: readonly SyscallRow[] = [
  ...processSyscalls,
  ...procdescSyscalls,
  ...credentialSyscalls,
  ...aioSyscalls,
  ...fileSyscalls,
  ...ttySyscalls,
  ...memorySyscalls,
  ...shmSyscalls,
  ...signalSyscalls,
  ...timeSyscalls,
  ...schedulerSyscalls,
  ...cpusetSyscalls,
  ...ptraceSyscalls,
  ...sysctlSyscalls,
  ...resourceSyscalls,
  ...threadSyscalls,
  ...timerSyscalls,
  ...eventSyscalls,
  ...selectSyscalls,
  ...socketSyscalls,
  ...socketTransferSyscalls,
  ...machdepSyscalls,
  ...uuidSyscalls,
].sort((a, b) => a.number - b.number);

const byNumber: (SyscallRow | undefined)[] = [];
for (const row of SYSCALLS) {
  assert(byNumber[row.number] === undefined, `two rows for system call ${row.number}`);
  byNumber[row.number] = row;
}

const names: ReadonlySet<string> = new Set(SYSCALLS.map(({ name }) => name));
export const isSyscallName = (name: string): boolean => names.has(name);

export const syscallByNumber = (code: number): SyscallRow | undefined => byNumber[code];
