import { EAGAIN, EBADF, EFAULT, EINVAL, EMFILE, ESRCH } from '../abi/errno.ts';
import type { Errno, Signo } from '../abi/ids.ts';
import { SI_KERNEL } from '../abi/siginfo.ts';
import { SIG_MAX } from '../abi/signal.ts';
import { canSignal } from '../kern/credentials.ts';
import { forkProcess } from '../kern/fork.ts';
import type { Kernel } from '../kern/kernel.ts';
import { type Procdesc, procdescProcess } from '../kern/procdesc.ts';
import { psignal, sigInfo } from '../kern/signal.ts';
import type { Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { fdalloc, getFile, installDescriptor, newFile } from '../vfs/filedesc.ts';
import { forkResult } from './process.ts';
import type { SyscallRow } from './row.ts';

/* pdfork(2) and its kin: FreeBSD 9.3 kern/sys_procdesc.c, kern_fork.c, kern_sig.c. Differs: GENERIC of 9.0 has not the option PROCDESC, and answers ENOSYS. */

type Args = readonly number[];
/** FreeBSD sys/sys/procdesc.h. */
const PD_DAEMON = 1;

/** The child has a copy of the descriptors without the new one. Nobody looks at other flags. */
function sys_pdfork(k: Kernel, td: Thread, [fdAt, flags]: Args): SyscallResult {
  const fd = fdalloc(k.proc(td.pid));
  if (fd === null) return fail(EMFILE);
  const opened = { readable: true, writable: true, append: false, nonblock: false, offset: 0 };
  const body = { kind: 'procdesc', pid: td.pid, daemon: (flags! & PD_DAEMON) !== 0, ...opened } as const;
  const file = newFile(k, body);
  if (typeof file === 'number') return fail(file);
  const child = forkProcess(k, td, { shareMemory: false, vfork: false, how: 'pdfork' });
  if (child === null) {
    k.state.files.delete(file.id);
    return fail(EAGAIN);
  }
  k.setFile({ ...file, ...body, pid: child });
  k.setProc(child, { procdesc: file.id });
  installDescriptor(k, td.pid, fd, file.id, false);
  return k.suword(td.pid, fdAt!, fd) ? forkResult(k, td, child) : fail(EFAULT);
}

function procdescAt(k: Kernel, td: Thread, fd: number): Procdesc | Errno {
  const file = getFile(k, td, fd);
  return file?.kind === 'procdesc' ? file : EBADF;
}

function sys_pdkill(k: Kernel, td: Thread, [fd, signum]: Args): SyscallResult {
  if (signum! < 0 || signum! > SIG_MAX) return fail(EINVAL);
  const file = procdescAt(k, td, fd!);
  if (typeof file === 'number') return fail(file);
  const target = procdescProcess(k, file);
  if (!target) return fail(ESRCH);
  const me = k.proc(td.pid);
  const refused = canSignal(me, target, signum!);
  if (refused) return fail(refused);
  // The kernel's own form: the signal does not say who sent it (kern_psignal).
  if (signum !== 0) psignal(k, target.pid, signum as Signo, td.pid, sigInfo(signum as Signo, { code: SI_KERNEL }));
  return ok();
}

function sys_pdgetpid(k: Kernel, td: Thread, [fd, out]: Args): SyscallResult {
  const file = procdescAt(k, td, fd!);
  if (typeof file === 'number') return fail(file);
  return k.suword(td.pid, out!, file.pid) ? ok() : fail(EFAULT);
}

// biome-ignore format: one system call per line
export const procdescSyscalls = [
  { number: 518, name: 'pdfork', args: [['fdp', 'out'], ['flags', 'int']], support: 'full', note: '9.0 has it with the option PROCDESC', handler: sys_pdfork },
  { number: 519, name: 'pdkill', args: [['fd', 'fd'], ['signum', 'signo']], support: 'full', handler: sys_pdkill },
  { number: 520, name: 'pdgetpid', args: [['fd', 'fd'], ['pidp', 'out']], support: 'full', handler: sys_pdgetpid },
] as const satisfies readonly SyscallRow[];
