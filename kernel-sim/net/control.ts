import { EBADF, EINVAL, EOPNOTSUPP } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import { encode, layout } from '../abi/layout.ts';
import { SCM_CREDS, SCM_RIGHTS, SOL_SOCKET } from '../abi/socket.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { FileId, SocketCredentials, SocketMessage, Thread } from '../kern/state.ts';
import { fdalloc, getFile, installDescriptor, releaseFile } from '../vfs/filedesc.ts';
import { credentialsOf } from './socket.ts';

/* Control data of AF_UNIX: open files and credentials. FreeBSD 9.1 unp_internalize, unp_externalize. */

/** struct cmsghdr: cmsg_len (with itself), cmsg_level, cmsg_type; the next one begins at a multiple of 4. */
const CMSGHDR_SIZE = 12;
const aligned = (length: number): number => (length + 3) & ~3;

/** struct cmsgcred: 84 bytes. */
// biome-ignore format: one field per line
const cmsgcredLayout = layout(84, [
  { name: 'cmcred_pid', at: 0, kind: 'i32' },
  { name: 'cmcred_uid', at: 4, kind: 'u32' },
  { name: 'cmcred_euid', at: 8, kind: 'u32' },
  { name: 'cmcred_gid', at: 12, kind: 'u32' },
  { name: 'cmcred_ngroups', at: 16, kind: 'i16' },
  { name: 'cmcred_groups', at: 20, kind: 'words', count: 16 },
]);

export interface Control {
  readonly files: readonly FileId[];
  readonly credentials: SocketCredentials | null;
}

/** What a sender puts in. The kernel itself fills in the credentials. EBADF; EOPNOTSUPP for a file that cannot be passed. */
export function decodeControl(k: Kernel, td: Thread, bytes: Uint8Array): Control | Errno {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const files: FileId[] = [];
  let credentials: SocketCredentials | null = null;
  for (let at = 0; at + CMSGHDR_SIZE <= bytes.length; ) {
    const length = view.getUint32(at, true);
    if (length < CMSGHDR_SIZE || at + length > bytes.length || view.getInt32(at + 4, true) !== SOL_SOCKET)
      return EINVAL;
    switch (view.getInt32(at + 8, true)) {
      case SCM_CREDS:
        credentials = credentialsOf(k.proc(td.pid));
        break;
      case SCM_RIGHTS:
        for (let n = at + CMSGHDR_SIZE; n + 4 <= at + length; n += 4) {
          const file = getFile(k, td, view.getInt32(n, true));
          if (!file) return EBADF;
          if (file.kind === 'kqueue') return EOPNOTSUPP;
          files.push(file.id);
        }
        break;
      default:
        return EINVAL;
    }
    at += aligned(length);
  }
  return { files, credentials };
}

/**
 * What a receiver gets of a message, in at most `room` bytes: the open files become descriptors. What does not fit, and files for which
 * there is no descriptor, is lost (`truncated`).
 */
export function takeControl(
  k: Kernel,
  td: Thread,
  { files, credentials }: Pick<SocketMessage, 'files' | 'credentials'>,
  room: number,
  closeOnExec: boolean,
): { readonly bytes: Uint8Array; readonly fds: readonly number[]; readonly truncated: boolean } {
  const parts: Uint8Array[] = [];
  let truncated = false;
  let left = room;
  const fits = (length: number): boolean => {
    if (CMSGHDR_SIZE + length > left) truncated = true;
    else left -= aligned(CMSGHDR_SIZE + length);
    return !truncated;
  };
  const fds: number[] = [];
  if (files.length > 0 && fits(4 * files.length)) {
    for (const file of files) {
      const fd = fdalloc(k.proc(td.pid));
      if (fd === null) truncated = true;
      else {
        installDescriptor(k, td.pid, fd, file, closeOnExec);
        fds.push(fd);
      }
    }
    parts.push(cmsg(SCM_RIGHTS, new Uint8Array(Int32Array.from(fds).buffer)));
  }
  // A descriptor has a reference of its own.
  for (const file of files) releaseFile(k, file);
  if (credentials && fits(cmsgcredLayout.sizeBytes)) {
    const { pid, uid, gid } = credentials;
    const ids = { cmcred_pid: pid, cmcred_uid: uid, cmcred_euid: uid, cmcred_gid: gid, cmcred_ngroups: 1 };
    const cmcred_groups = [gid, ...new Array<number>(15).fill(0)];
    parts.push(cmsg(SCM_CREDS, encode(cmsgcredLayout, { ...ids, cmcred_groups })));
  }
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return { bytes, fds, truncated };
}

function cmsg(type: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(aligned(CMSGHDR_SIZE + data.length));
  bytes.set(new Uint8Array(Int32Array.of(CMSGHDR_SIZE + data.length, SOL_SOCKET, type).buffer));
  bytes.set(data, CMSGHDR_SIZE);
  return bytes;
}
