import { EPERM } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import { SIGCONT } from '../abi/signal.ts';
import { S_ISGID, S_ISUID } from '../abi/stat.ts';
import type { Proc, Vnode } from './state.ts';

/** FreeBSD struct ucred, and what else belongs to who a process is. */
export type ProcCredentials = Pick<
  Proc,
  'uid' | 'gid' | 'ruid' | 'rgid' | 'svuid' | 'svgid' | 'groups' | 'setugid' | 'login'
>;

export const ROOT_CREDENTIALS: ProcCredentials = {
  ...{ uid: 0, gid: 0, ruid: 0, rgid: 0, svuid: 0, svgid: 0 },
  ...{ groups: [], setugid: false, login: 'root' },
};

export function credentialsOf(p: Proc): ProcCredentials {
  const { uid, gid, ruid, rgid, svuid, svgid, groups, setugid, login } = p;
  return { uid, gid, ruid, rgid, svuid, svgid, groups, setugid, login };
}

/** FreeBSD groupmember. */
export const isMember = ({ gid, groups }: Pick<Proc, 'gid' | 'groups'>, group: number): boolean =>
  gid === group || groups.includes(group);

/**
 * Who a process is after it has executed a file: set-user-id and set-group-id bits count unless it is traced; the saved ids become the effective
 * ones. Source: FreeBSD 9.0 kern/kern_exec.c, do_execve.
 */
export function execCredentials(p: Proc, { mode, uid, gid }: Vnode): Partial<ProcCredentials> {
  const newUid = mode & S_ISUID && !p.traced ? uid : p.uid;
  const newGid = mode & S_ISGID && !p.traced ? gid : p.gid;
  const changes = newUid !== p.uid || newGid !== p.gid;
  const isHimself = p.ruid === p.uid && p.rgid === p.gid;
  return {
    ...{ uid: newUid, gid: newGid, svuid: newUid, svgid: newGid },
    setugid: changes || (p.setugid && !isHimself),
  };
}

/** FreeBSD p_cansignal: the sender's real or effective user is the target's real or saved one; SIGCONT may be sent within a session. */
export function canSignal(from: Proc, to: Proc, signo: number): Errno | 0 {
  if (from.pid === to.pid || from.uid === 0) return 0;
  if (signo === SIGCONT && from.sid === to.sid) return 0;
  const mine = [from.ruid, from.uid];
  return mine.includes(to.ruid) || mine.includes(to.svuid) ? 0 : EPERM;
}

/** FreeBSD p_candebug: the same user with all ids and groups, and no set-user-id program. */
export function canDebug(tracer: Proc, to: Proc): boolean {
  if (tracer.uid === 0) return true;
  const groups = [to.gid, to.rgid, to.svgid, ...to.groups];
  const isSameUser = [to.uid, to.ruid, to.svuid].every((id) => id === tracer.uid);
  return isSameUser && !to.setugid && groups.every((group) => isMember(tracer, group));
}

/** FreeBSD p_cansched: whether it may change another's priority. */
export const canSchedule = (from: Proc, to: Proc): boolean =>
  from.uid === 0 || from.ruid === to.ruid || from.uid === to.ruid;
