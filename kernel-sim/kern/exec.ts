import { EBX, EFLAGS, EIP, ESP, FLAG_TF } from '../../emu/core/core-state.ts';
import { PAGE_SIZE } from '../../emu/memory/address-space.ts';
import { E2BIG, EACCES, EFAULT, EINVAL, ENAMETOOLONG, ENOENT, ENOEXEC, ENOMEM, ETXTBSY } from '../abi/errno.ts';
import { NOTE_EXEC } from '../abi/event.ts';
import { X_OK } from '../abi/fcntl.ts';
import type { Errno, Pid, Tid } from '../abi/ids.ts';
import { SIGCHLD } from '../abi/signal.ts';
import { MAXDSIZ, MAXTSIZ, PS_STRINGS, pageCeil, pageFloor } from '../abi/vmparam.ts';
import { type ExecImage, isRejected, readExecutable, readInterpreter } from '../elf/exec-image.ts';
import { readFileRange } from '../vfs/file-data.ts';
import { closeOnExec } from '../vfs/filedesc.ts';
import { readHostFile } from '../vfs/host-folder.ts';
import { pathOf } from '../vfs/memfs.ts';
import { namei } from '../vfs/namei.ts';
import { checkAccess } from '../vfs/vnode.ts';
import { syncFile } from '../vm/shared.ts';
import { newVmspace, releaseVmspace } from '../vm/vmspace.ts';
import { beginCheckpoints } from './checkpoint.ts';
import { execCredentials } from './credentials.ts';
import { mapSegments, mapStack } from './exec-map.ts';
import { buildStack } from './exec-stack.ts';
import { type Kernel, latin1 } from './kernel.ts';
import { processEvent } from './kqueue.ts';
import { NO_SIGSTACK } from './proc.ts';
import { freshRegisters, regsOf, tablesOf } from './regs.ts';
import { endSharing } from './sharing.ts';
import { wakeup } from './sleep.ts';
import type { Proc, VmspaceId, VnodeId } from './state.ts';
import { singleThread } from './thread.ts';

/** kern.argmax. */
const ARG_MAX = 262144;
const MAXCOMLEN = 19;
/** MAXINTERP; the line itself must end within the first page. */
const MAXINTERP = 1024;
/** A program that cannot be executed. */
export interface ExecFailure {
  readonly errno: Errno;
  /** FreeBSD has thrown the old address space away by then: the process cannot go back and ends by SIGABRT. */
  readonly tooLate: boolean;
}

const refused = (errno: Errno): ExecFailure => ({ errno, tooLate: false });

/**
 * execve(2): a new address space, the arguments on its stack, registers at the entry point; other threads of the process end. Null, or
 * what went wrong, and then the process is as before. Source: FreeBSD 9.1 kern/kern_exec.c, kern/imgact_elf.c (freebsd-i386-abi.md, A).
 */
export function execve(
  k: Kernel,
  tid: Tid,
  path: string,
  args: readonly string[],
  env: readonly string[],
  depth = 0,
): ExecFailure | null {
  const p = k.proc(k.thread(tid).pid);
  const file = openImage(k, p, path);
  if (typeof file === 'number') return refused(file);
  const { vnode, bytes } = file;
  if (bytes[0] === 0x23 && bytes[1] === 0x21) return execScript(k, tid, path, bytes, args, env, depth);
  const image = readExecutable(bytes);
  if (isRejected(image)) {
    k.log(`exec: ${path}: ${image.reason}`);
    return refused(ENOEXEC);
  }
  const size = [...args, ...env].reduce((sum, text) => sum + text.length + 1, 0);
  if (size > ARG_MAX) return refused(E2BIG);
  if (image.text.sizeBytes > MAXTSIZ || image.data.sizeBytes > MAXDSIZ) return refused(ENOMEM);

  const vmspace = newVmspace(k);
  const abandon = (errno: Errno, tooLate = false): ExecFailure => {
    releaseVmspace(k, vmspace);
    return { errno, tooLate };
  };
  mapStack(k, vmspace);
  if (!mapSegments(k, vmspace, { ...file, loads: image.loads, base: image.loadBase })) return abandon(ENOEXEC);
  const start = startOf(k, p, vmspace, image);
  if (typeof start === 'number') {
    k.log(`exec: ${path}: ELF interpreter ${image.interp} not found`);
    return abandon(start, true);
  }
  const execPath = pathOf(k, vnode) || path;
  const stack = buildStack(k, vmspace, p.pid, {
    ...{ image, base: start.base, args, env },
    execPath: pathOf(k, vnode, p.root) || path,
  });
  if (!stack) return abandon(E2BIG);
  k.setVmspace(vmspace, {
    textAddr: image.text.vaddr,
    textSize: image.text.sizeBytes,
    dataAddr: image.data.vaddr,
    dataSize: image.data.sizeBytes,
  });
  const comm = path.slice(path.lastIndexOf('/') + 1).slice(0, MAXCOMLEN);
  singleThread(k, tid);
  endSharing(k, p.pid, 'sigacts');
  releaseVmspace(k, p.vmspace);
  k.setProc(p.pid, {
    vmspace,
    executed: true,
    comm,
    args,
    env,
    execPath,
    textVnode: vnode,
    osrel: image.osrel,
    ...execCredentials(p, k.vnode(vnode)),
    auxv: stack.auxv,
    ldt: [],
    // POSIX timers go with the old image; interval timers stay.
    timers: [],
    aio: [],
    native: null,
    // Handlers are addresses in the old image; what was ignored stays ignored, but for SIGCHLD (execsigs).
    sigacts: p.sigacts.map((action, signo) => (action?.handler === 1 && signo !== SIGCHLD ? action : null)),
  });
  const td = k.setThread(tid, { name: comm, fsBase: 0, gsBase: 0, sigstack: NO_SIGSTACK, ast: true });
  if (td.state === 'running') k.cores[td.onCpu]!.state.tables = tablesOf(k, tid);
  closeOnExec(k, p.pid);
  setEntryRegisters(k, tid, start.entry, stack.esp);
  if (p.vforkParent) {
    k.setProc(p.pid, { vforkParent: 0 });
    wakeup(k, `vfork:${p.pid}`);
  }
  processEvent(k, p.pid, NOTE_EXEC, 0);
  k.emit({ kind: 'exec', pid: p.pid, path: execPath, args });
  beginCheckpoints(k, p.pid);
  return null;
}

/** FreeBSD exec_check_permissions: a regular file that may be executed and that nobody is writing. */
function openImage(k: Kernel, p: Proc, path: string): { vnode: VnodeId; bytes: Uint8Array } | Errno {
  const found = namei(k, p, path, { follow: true });
  if (typeof found === 'number') return found;
  const { vnode } = found;
  if (!vnode) return ENOENT;
  if (vnode.type !== 'reg') return EACCES;
  const denied = checkAccess(vnode, p, X_OK);
  if (denied) return denied;
  for (const file of k.state.files.values()) {
    if (file.kind === 'vnode' && file.vnode === vnode.id && file.writable) return ETXTBSY;
  }
  const read = readHostFile(k, vnode);
  if (typeof read === 'number') return read;
  const { data } = syncFile(k, read);
  return { vnode: vnode.id, bytes: readFileRange(data, 0, data.size) };
}

/**
 * Where a program that is mapped begins: at its own entry point, or at that of the interpreter that it names, which is mapped to where
 * mmap(2) would put it first. Source: FreeBSD 9.0 kern/imgact_elf.c, exec_elf32_imgact and load_file.
 */
function startOf(k: Kernel, p: Proc, id: VmspaceId, image: ExecImage): { entry: number; base: number } | Errno {
  if (image.interp === undefined) return { entry: image.entry + image.loadBase, base: image.loadBase };
  const file = openImage(k, p, image.interp);
  if (typeof file === 'number') return file;
  const interp = readInterpreter(file.bytes);
  if (isRejected(interp)) {
    k.log(`exec: ${image.interp}: ${interp.reason}`);
    return ENOEXEC;
  }
  const rbase = interp.type === 'DYN' ? pageCeil(image.data.vaddr) + MAXDSIZ : 0;
  if (!mapSegments(k, id, { ...file, loads: interp.loads, base: rbase })) return EINVAL;
  return { entry: interp.entry + rbase, base: pageFloor(interp.loads[0]!.vaddr) + rbase };
}

/** `#! interpreter [options]`: the interpreter gets the rest of the line as one argument, then the script's path (kern/imgact_shell.c). */
function execScript(
  k: Kernel,
  tid: Tid,
  path: string,
  bytes: Uint8Array,
  args: readonly string[],
  env: readonly string[],
  depth: number,
): ExecFailure | null {
  if (depth > 0) return refused(ENOEXEC);
  const end = bytes.subarray(0, PAGE_SIZE).findIndex((byte) => byte === 10 || byte === 0);
  if (end < 0) return refused(ENOEXEC);
  const [, interpreter, options] = /^[ \t]*([^ \t]*)[ \t]*(.*?)[ \t]*$/s.exec(latin1(bytes.subarray(2, end)))!;
  if (!interpreter) return refused(ENOEXEC);
  if (interpreter.length >= MAXINTERP) return refused(ENAMETOOLONG);
  const command = options ? [interpreter, options] : [interpreter];
  return execve(k, tid, interpreter, [...command, path, ...args.slice(1)], env, depth + 1);
}

/** FreeBSD exec_setregs: everything 0 but the entry, the stack, ebx, the selectors; a trap flag stays. */
function setEntryRegisters(k: Kernel, tid: Tid, entry: number, esp: number): void {
  const r = regsOf(k, tid);
  const trapFlag = r[EFLAGS]! & FLAG_TF;
  r.set(freshRegisters());
  r[EBX] = PS_STRINGS | 0;
  r[ESP] = esp | 0;
  r[EIP] = entry | 0;
  r[EFLAGS] = r[EFLAGS]! | trapFlag;
}

/** The strings of a NULL-terminated array of pointers in user memory, at most `limit` bytes in all. */
export function copyinStrings(k: Kernel, pid: Pid, array: number, limit: number): string[] | Errno {
  const strings: string[] = [];
  let left = limit;
  for (let at = array; ; at += 4) {
    const pointer = k.fuword(pid, at);
    if (pointer === null) return EFAULT;
    if (pointer === 0) return strings;
    const text = k.copyinstr(pid, pointer, left);
    if (typeof text === 'number') return text === EFAULT ? EFAULT : E2BIG;
    left -= text.length + 1;
    strings.push(text);
  }
}

export { ARG_MAX };
