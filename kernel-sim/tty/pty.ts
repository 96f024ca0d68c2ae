import { EAGAIN, EEXIST, EFAULT, EIO } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import { TIOCPKT_DATA } from '../abi/ttycom.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { OpenFile, Proc, TtyName } from '../kern/state.ts';
import { fail, ok, RESTART, type SyscallEntry, type SyscallResult } from '../kern/syscall-result.ts';
import { createNode, unlinkNode } from '../vfs/directory.ts';
import { newFile } from '../vfs/filedesc.ts';
import { hostCredentials, namei } from '../vfs/namei.ts';
import type { TransferResume } from '../vfs/pipe.ts';
import { copyFrom, copyTo, type Uio } from '../vfs/uio.ts';
import { hangUpTerminal, masterReaderChannel, masterWriterChannel, newPty, putTty, typeInto } from './tty.ts';

/*
 * Pseudo-terminals: FreeBSD 9.1 kern/tty_pts.c. The slave is the device /dev/pts/N, a terminal like any other; the master is an open
 * file without a name.
 */

/** Names have room for three digits. */
const UNITS_MAX = 1000;
/** Group `tty` may write to them. */
const TTY_GID = 4;
const SLAVE_MODE = 0o620;

export type MasterFile = Extract<OpenFile, { kind: 'ptm' }>;

/** N of pts/N. */
export const unitOf = (name: TtyName): number => Number(name.slice('pts/'.length));

/** FreeBSD pts_alloc: a new pseudo-terminal, and the open file of its master, without references. EAGAIN: there are too many. */
export function openMaster(
  k: Kernel,
  owner: Proc,
  mode: Pick<OpenFile, 'readable' | 'writable' | 'nonblock'>,
): OpenFile | Errno {
  let unit = 0;
  while (k.state.ttys.has(`pts/${unit}`)) unit++;
  if (unit >= UNITS_MAX) return EAGAIN;
  const name: TtyName = `pts/${unit}`;
  const cred = hostCredentials(k);
  const found = namei(k, cred, `/dev/${name}`, { follow: false });
  if (typeof found === 'number') return found;
  if (found.vnode) return EEXIST;
  const file = newFile(k, { kind: 'ptm', tty: name, append: false, offset: 0, ...mode });
  if (typeof file === 'number') return file;
  const slave = { type: 'chr', mode: SLAVE_MODE, uid: owner.uid, gid: TTY_GID, device: name } as const;
  const node = createNode(k, cred, found, slave);
  if (typeof node === 'number') {
    k.state.files.delete(file.id);
    return node;
  }
  k.setTty(newPty(name));
  return file;
}

/** The master is closed: the terminal is hung up and its name goes. */
export function closeMaster(k: Kernel, name: TtyName): void {
  const cred = hostCredentials(k);
  const found = namei(k, cred, `/dev/${name}`, { follow: false });
  if (typeof found !== 'number' && found.vnode?.type === 'chr' && found.vnode.device === name)
    unlinkNode(k, cred, found);
  hangUpTerminal(k, name);
}

/** FreeBSD ptsdev_read: what was written to the slave, and the echo of what was typed. */
export function readMaster(k: Kernel, file: MasterFile, uio: Uio, entry: SyscallEntry): SyscallResult {
  if (uio.length === 0) return ok(0);
  const tty = k.tty(file.tty);
  const { packetMode, packetEvents } = tty;
  if (packetMode && packetEvents !== 0) {
    if (!copyTo(k, uio, 0, Uint8Array.of(packetEvents))) return fail(EFAULT);
    putTty(k, { ...tty, packetEvents: 0 });
    return ok(1);
  }
  if (tty.output.length > 0 && !tty.stopped) {
    const head = packetMode ? Uint8Array.of(TIOCPKT_DATA) : new Uint8Array(0);
    const size = Math.min(tty.output.length, uio.length - head.length);
    if (!copyTo(k, uio, 0, head) || !copyTo(k, uio, head.length, tty.output.subarray(0, size))) return fail(EFAULT);
    putTty(k, { ...tty, output: tty.output.slice(size) });
    return ok(head.length + size);
  }
  if (tty.finished) return ok(0);
  if (entry.woken === 'signal') return RESTART;
  if (file.nonblock) return fail(EAGAIN);
  const resume: TransferResume = { file: file.id, done: 0 };
  return { kind: 'sleep', wchan: masterReaderChannel(file.tty), wmesg: 'ptsout', resume };
}

/** FreeBSD ptsdev_write: types on the terminal. While nobody has it open, what is typed is lost. */
export function writeMaster(k: Kernel, file: MasterFile, uio: Uio, entry: SyscallEntry): SyscallResult {
  let { done } = entry.woken === 'first' ? { done: 0 } : (entry.resume as TransferResume);
  const soFar = (otherwise: SyscallResult): SyscallResult => (done > 0 ? ok(done) : otherwise);
  if (entry.woken === 'signal') return soFar(RESTART);
  for (;;) {
    const { inputMax, finished } = k.tty(file.tty);
    const bytes = copyFrom(k, uio, done, inputMax || uio.length);
    if (typeof bytes === 'number') return fail(bytes);
    const taken = inputMax === 0 ? bytes.length : typeInto(k, file.tty, bytes);
    done += taken;
    if (done === uio.length) return ok(done);
    if (taken === bytes.length) continue;
    if (finished) return soFar(fail(EIO));
    if (file.nonblock) return soFar(fail(EAGAIN));
    const resume: TransferResume = { file: file.id, done };
    const shown = done > 0 ? { shown: { eax: done, carry: false } } : {};
    return { kind: 'sleep', wchan: masterWriterChannel(file.tty), wmesg: 'ptsin', resume, ...shown };
  }
}
