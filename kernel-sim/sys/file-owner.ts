import { EFAULT, ENOTTY } from '../abi/errno.ts';
import * as ttycom from '../abi/ttycom.ts';
import { isControlledBy } from '../kern/job-control.ts';
import type { Kernel } from '../kern/kernel.ts';
import { setAsync, setOwner, sigioKeys, sigioOf } from '../kern/sigio.ts';
import type { OpenFile, Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import { ttyOf } from '../tty/tty.ts';

/* SIGIO: F_SETOWN, F_GETOWN and O_ASYNC of fcntl(2), and the same by ioctl(2). FreeBSD 9.3 kern/kern_descrip.c and the f_ioctl of each kind. */

/** Nobody but those whose terminal it is may ask or say who owns it. */
function isForeignTerminal(k: Kernel, td: Thread, file: OpenFile): boolean {
  const tty = file.kind === 'ptm' ? k.tty(file.tty) : file.kind === 'vnode' && ttyOf(k, k.vnode(file.vnode));
  return tty ? tty.session !== 0 && !isControlledBy(k.proc(td.pid), tty) : false;
}

/** F_SETOWN. ENOTTY for what has no owner, ESRCH, EPERM. */
export function setFileOwner(k: Kernel, td: Thread, file: OpenFile, owner: number): SyscallResult {
  const keys = sigioKeys(k, file);
  if (keys.length === 0 || isForeignTerminal(k, td, file)) return fail(ENOTTY);
  for (const key of keys) {
    const error = setOwner(k, k.proc(td.pid), key, owner);
    if (error) return fail(error);
  }
  return ok();
}

/** F_GETOWN: the process, the group as a negative number, or 0. */
export function fileOwner(k: Kernel, td: Thread, file: OpenFile): SyscallResult {
  const key = sigioKeys(k, file).at(-1);
  return key && !isForeignTerminal(k, td, file) ? ok(sigioOf(k, key).owner) : fail(ENOTTY);
}

/** O_ASYNC of F_SETFL, FIOASYNC. What never lets wait takes it without effect. */
export function setFileAsync(k: Kernel, file: OpenFile, enabled: boolean): void {
  for (const key of sigioKeys(k, file)) setAsync(k, key, enabled);
}

export const isFileAsync = (k: Kernel, file: OpenFile): boolean =>
  sigioKeys(k, file).some((key) => sigioOf(k, key).enabled);

/** ioctl(2) commands about the owner; for pipes and sockets, those of old too, which mean groups. Null: it is none. */
export function ownerIoctl(k: Kernel, td: Thread, file: OpenFile, command: number, data: number): SyscallResult | null {
  const isOld = command !== ttycom.FIOSETOWN && command !== ttycom.FIOGETOWN;
  const old =
    file.kind === 'pipe'
      ? [ttycom.TIOCSPGRP, ttycom.TIOCGPGRP]
      : file.kind === 'socket'
        ? [ttycom.SIOCSPGRP, ttycom.SIOCGPGRP]
        : [];
  const sign = isOld ? -1 : 1;
  switch (command) {
    case ttycom.FIOASYNC: {
      const value = k.fuword(td.pid, data);
      if (value === null) return fail(EFAULT);
      setFileAsync(k, file, value !== 0);
      return ok();
    }
    case ttycom.FIOSETOWN:
    case old[0]: {
      const value = k.fuword(td.pid, data);
      return value === null ? fail(EFAULT) : setFileOwner(k, td, file, sign * (value | 0));
    }
    case ttycom.FIOGETOWN:
    case old[1]: {
      const owner = fileOwner(k, td, file);
      if (owner.kind !== 'return') return owner;
      return k.suword(td.pid, data, sign * owner.eax) ? ok() : fail(EFAULT);
    }
    default:
      return null;
  }
}
