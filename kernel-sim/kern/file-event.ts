import type { Pid } from '../abi/ids.ts';
import { pollFile } from '../vfs/readiness.ts';
import type { Kernel } from './kernel.ts';
import { fileKnotes } from './kqueue.ts';
import { wakeThread } from './sleep.ts';
import type { FileId, KqueueId, OpenFile, PipeId, SocketId, TtyName, VnodeId } from './state.ts';

/* Something has happened to what open files stand for: who waits for it in kevent(2), select(2) or poll(2) learns of it. */

export type FileSource =
  | { readonly pipe: PipeId }
  | { readonly kqueue: KqueueId }
  | { readonly socket: SocketId }
  | { readonly vnode: VnodeId }
  | { readonly tty: TtyName }
  | { readonly procdesc: Pid };

/** Where threads wait in select(2) and poll(2). */
export const SELECT_CHANNEL = 'select';

/** What such a thread remembers: its call's files with the POLL bits that it waits for, and when its time is over. */
export interface SelectResume {
  readonly files: readonly { readonly file: FileId; readonly events: number }[];
  readonly deadlineNs: number | null;
}

/** Is this an open file of what has changed? */
function concerns(k: Kernel, file: OpenFile, source: FileSource): boolean {
  switch (file.kind) {
    case 'pipe':
    case 'fifo':
      return 'pipe' in source && source.pipe === file.pipe;
    case 'kqueue':
      return 'kqueue' in source && source.kqueue === file.kqueue;
    case 'shm':
      return false;
    case 'procdesc':
      return 'procdesc' in source && source.procdesc === file.pid;
    case 'ptm':
      return 'tty' in source && source.tty === file.tty;
    case 'socket':
      return 'socket' in source && source.socket === file.socket;
    case 'vnode': {
      if ('vnode' in source) return source.vnode === file.vnode;
      const vnode = k.vnode(file.vnode);
      return 'tty' in source && vnode.type === 'chr' && vnode.device === source.tty;
    }
  }
}

/** Knotes on the source whose condition holds now become active (FreeBSD KNOTE), and threads that can go on do (selwakeup). */
export function fileEvent(k: Kernel, source: FileSource): void {
  fileKnotes(k, (file) => concerns(k, file, source));
  wakeSelecters(k, source);
}

function wakeSelecters(k: Kernel, source: FileSource): void {
  for (const td of [...k.state.threads.values()]) {
    if (td.sleep?.wchan !== SELECT_CHANNEL) continue;
    const { files } = td.pending!.resume as SelectResume;
    const canGoOn = files.some(({ file: id, events }) => {
      const file = k.state.files.get(id);
      return file ? concerns(k, file, source) && pollFile(k, file, events) !== 0 : true;
    });
    if (canGoOn) wakeThread(k, td, 'wakeup');
  }
}
