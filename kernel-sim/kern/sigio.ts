import { EPERM, ESRCH } from '../abi/errno.ts';
import type { Errno, Pid } from '../abi/ids.ts';
import { SI_KERNEL } from '../abi/siginfo.ts';
import { SIGIO } from '../abi/signal.ts';
import { ttyOf } from '../tty/tty.ts';
import { groupMembers } from './job-control.ts';
import type { Kernel } from './kernel.ts';
import { psignal, sigInfo } from './signal.ts';
import type { OpenFile, PipeId, Proc, Sigio, SocketId, Thread, TtyName } from './state.ts';

/*
 * SIGIO: who is told when there is something to read or to be written (FreeBSD struct sigio, kern/kern_descrip.c). It belongs to an end
 * of a pipe, a socket or a terminal, not to a descriptor.
 */

export type SigioKey = `pipe:${PipeId}:${'read' | 'write'}` | `socket:${SocketId}` | `tty:${TtyName}`;

/** What of an open file has an owner. A FIFO that is open for both has two. */
export function sigioKeys(k: Kernel, file: OpenFile): SigioKey[] {
  switch (file.kind) {
    case 'pipe':
      return [`pipe:${file.pipe}:${file.end}`];
    case 'fifo': {
      const ends = [file.readable ? 'read' : null, file.writable ? 'write' : null] as const;
      return ends.flatMap((end): SigioKey[] => (end ? [`pipe:${file.pipe}:${end}`] : []));
    }
    case 'socket':
      return [`socket:${file.socket}`];
    case 'ptm':
      return [`tty:${file.tty}`];
    case 'vnode': {
      const tty = ttyOf(k, k.vnode(file.vnode));
      return tty ? [`tty:${tty.name}`] : [];
    }
    default:
      return [];
  }
}

const NOBODY: Sigio = { owner: 0, uid: 0, ruid: 0, enabled: false };
export const sigioOf = (k: Kernel, key: SigioKey): Sigio => k.state.sigios.get(key) ?? NOBODY;

function change(k: Kernel, key: SigioKey, patch: Partial<Sigio>): void {
  const next = { ...sigioOf(k, key), ...patch };
  if (next.owner === 0 && !next.enabled) k.state.sigios.delete(key);
  else k.state.sigios.set(key, next);
}

/** FIOASYNC: whether SIGIO is sent. */
export const setAsync = (k: Kernel, key: SigioKey, enabled: boolean): void => change(k, key, { enabled });

/** FreeBSD fsetown: a process, a group (negative) or nobody (0) gets SIGIO. ESRCH; EPERM: in another session. */
export function setOwner(k: Kernel, setter: Proc, key: SigioKey, owner: number): Errno | 0 {
  if (owner !== 0) {
    const target = owner > 0 ? k.findProc(owner) : groupMembers(k, -owner as Pid)[0];
    if (!target || (owner > 0 && target.state === 'zombie')) return ESRCH;
    if (target.sid !== setter.sid) return EPERM;
  }
  change(k, key, { owner, uid: setter.uid, ruid: setter.ruid });
  return 0;
}

/** FreeBSD kern_accept: a connection is told of as its listening socket is. */
export function inheritSigio(k: Kernel, { pid }: Thread, from: SigioKey, to: SigioKey): void {
  const { owner, enabled } = sigioOf(k, from);
  if (owner !== 0) setOwner(k, k.proc(pid), to, owner);
  setAsync(k, to, enabled);
}

/** It is gone, and nobody owns it any more. */
export const forgetSigio = (k: Kernel, key: SigioKey): unknown => k.state.sigios.delete(key);

/** FreeBSD funsetownlst: processes that have ended and groups without members own nothing. */
export function dropLostOwners(k: Kernel): void {
  for (const [key, { owner }] of [...k.state.sigios]) {
    if (owner === 0) continue;
    const state = owner > 0 ? k.findProc(owner)?.state : groupMembers(k, -owner as Pid)[0]?.state;
    if (state === undefined || (owner > 0 && state === 'zombie')) change(k, key as SigioKey, { owner: 0 });
  }
}

/** FreeBSD CANSIGIO. */
const mayTell = ({ uid, ruid }: Sigio, p: Proc): boolean =>
  uid === 0 || ruid === p.ruid || uid === p.ruid || ruid === p.uid || uid === p.uid;

/** FreeBSD pgsigio: a transfer may be possible. `ofTerminal`: of a group only those whose terminal it is learn of it. */
export function sendSigio(k: Kernel, key: SigioKey, ofTerminal = false): void {
  const sigio = k.state.sigios.get(key);
  if (!sigio?.enabled || sigio.owner === 0) return;
  const { owner } = sigio;
  const targets = owner > 0 ? [k.findProc(owner)] : groupMembers(k, -owner as Pid);
  for (const p of targets)
    if (p && mayTell(sigio, p) && (owner > 0 || !ofTerminal || p.controlTerminal))
      psignal(k, p.pid, SIGIO, 0, sigInfo(SIGIO, { code: SI_KERNEL }));
}
