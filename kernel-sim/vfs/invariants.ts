import { sameValue } from '../../emu/base/same-value.ts';
import { EVFILT_READ, EVFILT_VNODE, EVFILT_WRITE } from '../abi/event.ts';
import { NAME_MAX } from '../abi/fcntl.ts';
import type { Kernel } from '../kern/kernel.ts';
import { sigioKeys } from '../kern/sigio.ts';
import type { FileId, PipeId, Proc, TtyName, Vnode, VnodeId } from '../kern/state.ts';
import { checkSocketInvariants, filesInFlight } from '../net/invariants.ts';
import { checkFileData } from './file-data.ts';
import { checkLocks } from './file-lock.ts';
import { isNamed } from './filedesc.ts';
import { PIPE_SIZE } from './pipe.ts';

/**
 * What must hold between system calls: descriptors, open files, pipes and sockets agree in their counts; the directories are one tree
 * whose links are counted right; files are well-formed. Returns one line for each thing that is wrong.
 */
export function checkFileInvariants(k: Kernel): string[] {
  return [
    ...checkDescriptors(k),
    ...checkPipes(k),
    ...checkKqueues(k),
    ...checkProcdescs(k),
    ...checkOwners(k),
    ...checkSocketInvariants(k),
    ...checkLocks(k),
    ...checkTree(k),
    ...checkVnodes(k),
  ];
}

const add = <K>(counts: Map<K, number>, key: K): void => void counts.set(key, (counts.get(key) ?? 0) + 1);

function checkDescriptors(k: Kernel): string[] {
  const problems: string[] = [];
  const refs = new Map<FileId, number>();
  const tables = new Map<number, Proc>();
  for (const p of k.state.procs.values()) {
    if (p.fds.length > 0 && !p.fds.at(-1))
      problems.push(`process ${p.pid}: descriptor table ends in a free descriptor`);
    if (p.state === 'zombie' && p.fds.length > 0) problems.push(`zombie ${p.pid} has descriptors`);
    if (p.state !== 'zombie')
      for (const place of ['cwd', 'root'] as const)
        if (k.state.vnodes.get(p[place])?.type !== 'dir') problems.push(`process ${p.pid}: ${place} is no directory`);
    const sharer = p.fdGroup === 0 ? undefined : tables.get(p.fdGroup);
    if (sharer) {
      if (!sameValue(p.fds, sharer.fds)) problems.push(`processes ${p.pid} and ${sharer.pid} have two tables for one`);
      continue;
    }
    tables.set(p.fdGroup, p);
    p.fds.forEach((entry, fd) => {
      if (!entry) return;
      add(refs, entry.file);
      if (!k.state.files.has(entry.file)) problems.push(`process ${p.pid}: descriptor ${fd} refers to no open file`);
    });
  }
  for (const file of filesInFlight(k)) add(refs, file);
  for (const file of k.state.files.values()) {
    const found = refs.get(file.id) ?? 0;
    if (file.refs !== found) problems.push(`open file ${file.id}: ${file.refs} references counted, ${found} found`);
    if (!isNamed(file)) continue;
    const vnode = k.state.vnodes.get(file.vnode);
    if (!vnode) problems.push(`open file ${file.id}: no vnode ${file.vnode}`);
    else if (vnode.type === 'reg' && vnode.host?.isRead === false) problems.push(`open file ${file.id} was not read`);
  }
  return problems;
}

function checkPipes(k: Kernel): string[] {
  const problems: string[] = [];
  const ends = new Map<string, number>();
  for (const file of k.state.files.values()) {
    if (file.kind === 'pipe') add(ends, endName(file.pipe, file.end));
    else if (file.kind === 'fifo') {
      if (file.readable) add(ends, endName(file.pipe, 'read'));
      if (file.writable) add(ends, endName(file.pipe, 'write'));
      if (k.state.pipes.get(file.pipe)?.fifo?.vnode !== file.vnode)
        problems.push(`open file ${file.id}: pipe ${file.pipe} is not its FIFO's`);
    } else continue;
    if (!k.state.pipes.has(file.pipe)) problems.push(`open file ${file.id}: no pipe ${file.pipe}`);
  }
  for (const pipe of k.state.pipes.values()) {
    if (pipe.readEnds !== (ends.get(endName(pipe.id, 'read')) ?? 0))
      problems.push(`pipe ${pipe.id}: read ends miscounted`);
    if (pipe.writeEnds !== (ends.get(endName(pipe.id, 'write')) ?? 0))
      problems.push(`pipe ${pipe.id}: write ends miscounted`);
    if (pipe.readEnds + pipe.writeEnds === 0) problems.push(`pipe ${pipe.id} has no ends`);
    if (Math.max(pipe.toRead.length, pipe.toWrite.length) > PIPE_SIZE) problems.push(`pipe ${pipe.id} is too full`);
  }
  return problems;
}

function checkKqueues(k: Kernel): string[] {
  const problems: string[] = [];
  const opened = new Map<number, number>();
  for (const file of k.state.files.values()) if (file.kind === 'kqueue') add(opened, file.kqueue);
  for (const id of opened.keys()) if (!k.state.kqueues.has(id)) problems.push(`an open file has no kqueue ${id}`);
  for (const { id, pid, knotes } of k.state.kqueues.values()) {
    if (opened.get(id) !== 1) problems.push(`kqueue ${id} has ${opened.get(id) ?? 0} open files`);
    const p = k.state.procs.get(pid);
    if (!p) problems.push(`kqueue ${id} has no process ${pid}`);
    const names = knotes.map(({ ident, filter }) => `${filter}:${ident}`);
    if (new Set(names).size !== names.length) problems.push(`kqueue ${id} has two knotes for one event`);
    for (const { ident, filter } of knotes)
      if ([EVFILT_READ, EVFILT_WRITE, EVFILT_VNODE].includes(filter) && !p?.fds[ident])
        problems.push(`kqueue ${id} has a knote on descriptor ${ident}, which is not open`);
  }
  return problems;
}

/** Owners are processes that live, of things that are there. */
function checkOwners(k: Kernel): string[] {
  const problems: string[] = [];
  const watched = new Set<string>([...k.state.files.values()].flatMap((file) => sigioKeys(k, file)));
  for (const [key, { owner, enabled }] of k.state.sigios) {
    // A terminal without open files keeps its owner as long as it is there.
    if (!watched.has(key) && !k.state.ttys.has(key.slice('tty:'.length) as TtyName))
      problems.push(`${key} has an owner and is not there`);
    if (owner === 0 && !enabled) problems.push(`${key} has neither an owner nor SIGIO`);
    const p = k.findProc(owner);
    if (owner > 0 && (!p || p.state === 'zombie')) problems.push(`${key} belongs to ${owner}, who is gone`);
  }
  return problems;
}

function checkProcdescs(k: Kernel): string[] {
  const problems: string[] = [];
  for (const { pid, procdesc } of k.state.procs.values()) {
    const file = k.state.files.get(procdesc);
    if (procdesc !== 0 && (file?.kind !== 'procdesc' || file.pid !== pid))
      problems.push(`process ${pid}: open file ${procdesc} is not its descriptor`);
  }
  return problems;
}

const endName = (pipe: PipeId, end: string): string => `${pipe}:${end}`;

function checkTree(k: Kernel): string[] {
  const problems: string[] = [];
  const root = k.state.counters.rootVnode;
  const names = new Map<VnodeId, number>();
  const subdirectories = new Map<VnodeId, number>();
  const reached = new Set<VnodeId>([root]);
  // A set grows while it is walked.
  for (const id of reached) {
    const dir = k.state.vnodes.get(id);
    if (dir?.type !== 'dir') continue;
    let cookie = 1;
    for (const [name, entry] of dir.entries) {
      const where = `directory ${id}, '${name}'`;
      if (name === '' || name === '.' || name === '..' || name.length > NAME_MAX || /[/\0]/.test(name))
        problems.push(`${where}: not a name`);
      if (entry.cookie <= cookie || entry.cookie >= dir.nextCookie) problems.push(`${where}: cookie out of order`);
      cookie = entry.cookie;
      const child = k.state.vnodes.get(entry.vnode);
      if (!child) problems.push(`${where}: no vnode ${entry.vnode}`);
      else if (child.type !== 'dir') {
        if (child.dev !== dir.dev) problems.push(`${where}: in another file system than its directory`);
      } else {
        if (reached.has(child.id)) problems.push(`${where}: directory ${child.id} has two names`);
        if (child.parent !== id) problems.push(`${where}: its parent is ${child.parent}`);
        add(subdirectories, id);
      }
      add(names, entry.vnode);
      reached.add(entry.vnode);
    }
  }
  for (const vnode of k.state.vnodes.values()) {
    const expected = linksOf(vnode, reached.has(vnode.id), names, subdirectories);
    if (vnode.nlink !== expected) problems.push(`vnode ${vnode.id}: ${vnode.nlink} links counted, ${expected} found`);
  }
  return problems;
}

function linksOf(
  vnode: Vnode,
  reached: boolean,
  names: ReadonlyMap<VnodeId, number>,
  subdirectories: ReadonlyMap<VnodeId, number>,
): number {
  if (vnode.type !== 'dir') return names.get(vnode.id) ?? 0;
  return reached ? 2 + (subdirectories.get(vnode.id) ?? 0) : 0;
}

function checkVnodes(k: Kernel): string[] {
  const problems: string[] = [];
  let bytes = 0;
  for (const vnode of k.state.vnodes.values()) {
    if (vnode.type !== 'reg') continue;
    bytes += vnode.data.allocated;
    problems.push(...checkFileData(vnode.data).map((problem) => `vnode ${vnode.id}: ${problem}`));
  }
  if (bytes !== k.state.counters.fileBytes)
    problems.push(`${k.state.counters.fileBytes} bytes counted on the disk, ${bytes} found`);
  return problems;
}
