import { Prng } from '../../emu/base/prng.ts';
import { EBX, EFLAGS, EIP, ESP, FLAG_TF } from '../../emu/core/core-state.ts';
import { PAGE_SIZE } from '../../emu/memory/address-space.ts';
import {
  AT_BASE,
  AT_CANARY,
  AT_CANARYLEN,
  AT_COUNT,
  AT_ENTRY,
  AT_EXECPATH,
  AT_FLAGS,
  AT_NCPUS,
  AT_NULL,
  AT_OSRELDATE,
  AT_PAGESIZES,
  AT_PAGESIZESLEN,
  AT_PAGESZ,
  AT_PHDR,
  AT_PHENT,
  AT_PHNUM,
  AT_STACKPROT,
  PF_W,
  PF_X,
} from '../abi/elf.ts';
import { E2BIG, EACCES, EFAULT, ENAMETOOLONG, ENOENT, ENOEXEC, ENOMEM, ETXTBSY } from '../abi/errno.ts';
import { NOTE_EXEC } from '../abi/event.ts';
import { X_OK } from '../abi/fcntl.ts';
import type { Errno, Pid, Tid } from '../abi/ids.ts';
import { words } from '../abi/layout.ts';
import { SIGCHLD } from '../abi/signal.ts';
import {
  MAXDSIZ,
  MAXTSIZ,
  PROT_ALL,
  PROT_EXEC,
  PROT_READ,
  PROT_WRITE,
  PS_STRINGS,
  pageCeil,
  pageFloor,
  SGROWSIZ,
  SIGCODE,
  USRSTACK,
  VM_MAXUSER_ADDRESS,
  VM_MIN_ADDRESS,
} from '../abi/vmparam.ts';
import { type ExecImage, isRejected, readExecutable } from '../elf/exec-image.ts';
import { readFileRange } from '../vfs/file-data.ts';
import { closeOnExec } from '../vfs/filedesc.ts';
import { pathOf } from '../vfs/memfs.ts';
import { namei } from '../vfs/namei.ts';
import { checkAccess } from '../vfs/vnode.ts';
import { insertEntry } from '../vm/map.ts';
import { syncFile } from '../vm/shared.ts';
import { newVmspace, releaseVmspace } from '../vm/vmspace.ts';
import { beginCheckpoints } from './checkpoint.ts';
import { bytesOf, type Kernel, latin1 } from './kernel.ts';
import { processEvent } from './kqueue.ts';
import { NO_SIGSTACK } from './proc.ts';
import { freshRegisters, regsOf, tablesOf } from './regs.ts';
import { sigcode } from './sigcode.ts';
import { wakeup } from './sleep.ts';
import type { VmEntry, VmspaceId } from './state.ts';
import { singleThread } from './thread.ts';

/** kern.argmax. */
const ARG_MAX = 262144;
const MAXCOMLEN = 19;
/** MAXINTERP; the line itself must end within the first page. */
const MAXINTERP = 1024;
/** __FreeBSD_version of 9.0-RELEASE. */
export const OSRELDATE = 900044;

const CANARY_BYTES = 32;
const SPARE_USRSPACE = 4096;

/**
 * execve(2): a new address space, the arguments on its stack, registers at the entry point; other threads of the process end. On an
 * error the process is as before. Source: FreeBSD 9.1 kern/kern_exec.c, kern/imgact_elf.c (freebsd-i386-abi.md, A).
 */
export function execve(
  k: Kernel,
  tid: Tid,
  path: string,
  args: readonly string[],
  env: readonly string[],
  depth = 0,
): Errno | 0 {
  const p = k.proc(k.thread(tid).pid);
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
  const { data } = syncFile(k, vnode);
  const bytes = readFileRange(data, 0, data.size);
  if (bytes[0] === 0x23 && bytes[1] === 0x21) return execScript(k, tid, path, bytes, args, env, depth);
  const image = readExecutable(bytes);
  if (isRejected(image)) {
    k.log(`exec: ${path}: ${image.reason}`);
    return ENOEXEC;
  }
  if (image.interp !== undefined || image.type === 'DYN') {
    k.log(`exec: ${path}: dynamic programs are not supported yet`);
    return ENOEXEC;
  }
  const size = [...args, ...env].reduce((sum, text) => sum + text.length + 1, 0);
  if (size > ARG_MAX) return E2BIG;
  if (image.text.sizeBytes > MAXTSIZ || image.data.sizeBytes > MAXDSIZ) return ENOMEM;

  const vmspace = newVmspace(k);
  if (!mapImage(k, vmspace, image, vnode.id, bytes)) {
    releaseVmspace(k, vmspace);
    return ENOEXEC;
  }
  const execPath = pathOf(k, vnode.id) || path;
  const stack = buildStack(k, vmspace, p.pid, image, execPath, args, env);
  if (!stack) {
    releaseVmspace(k, vmspace);
    return E2BIG;
  }
  const comm = path.slice(path.lastIndexOf('/') + 1).slice(0, MAXCOMLEN);
  singleThread(k, tid);
  releaseVmspace(k, p.vmspace);
  k.setProc(p.pid, {
    vmspace,
    executed: true,
    comm,
    args,
    env,
    execPath,
    textVnode: vnode.id,
    osrel: image.osrel,
    auxv: stack.auxv,
    ldt: [],
    // POSIX timers go with the old image; interval timers stay.
    timers: [],
    native: null,
    // Handlers are addresses in the old image; what was ignored stays ignored, but for SIGCHLD (execsigs).
    sigacts: p.sigacts.map((action, signo) => (action?.handler === 1 && signo !== SIGCHLD ? action : null)),
  });
  const td = k.setThread(tid, { name: comm, fsBase: 0, gsBase: 0, sigstack: NO_SIGSTACK, ast: true });
  if (td.state === 'running') k.cores[td.onCpu]!.state.tables = tablesOf(k, tid);
  closeOnExec(k, p.pid);
  setEntryRegisters(k, tid, image.entry + image.loadBase, stack.esp);
  if (p.vforkParent) {
    k.setProc(p.pid, { vforkParent: 0 });
    wakeup(k, `vfork:${p.pid}`);
  }
  processEvent(k, p.pid, NOTE_EXEC, 0);
  k.emit({ kind: 'exec', pid: p.pid, path: execPath, args });
  beginCheckpoints(k, p.pid);
  return 0;
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
): Errno | 0 {
  if (depth > 0) return ENOEXEC;
  const end = bytes.subarray(0, PAGE_SIZE).findIndex((byte) => byte === 10 || byte === 0);
  if (end < 0) return ENOEXEC;
  const [, interpreter, options] = /^[ \t]*([^ \t]*)[ \t]*(.*?)[ \t]*$/s.exec(latin1(bytes.subarray(2, end)))!;
  if (!interpreter) return ENOEXEC;
  if (interpreter.length >= MAXINTERP) return ENAMETOOLONG;
  const command = options ? [interpreter, options] : [interpreter];
  return execve(k, tid, interpreter, [...command, path, ...args.slice(1)], env, depth + 1);
}

/** Maps the program's segments; false when one does not fit into the user's addresses. */
function mapImage(k: Kernel, id: VmspaceId, image: ExecImage, vnode: number, bytes: Uint8Array): boolean {
  let map: readonly VmEntry[] = [];
  const tails: { at: number; bytes: Uint8Array }[] = [];
  for (const load of image.loads) {
    const vaddr = load.vaddr + image.loadBase;
    const start = pageFloor(vaddr);
    const fileEnd = vaddr + load.filesz;
    const end = pageCeil(vaddr + load.memsz);
    if (start < VM_MIN_ADDRESS || end > VM_MAXUSER_ADDRESS) return false;
    if (map.some((e) => e.start < end && e.end > start)) return false;
    const prot = PROT_READ | (load.flags & PF_W ? PROT_WRITE : 0) | (load.flags & PF_X ? PROT_EXEC : 0);
    const common = {
      prot,
      maxProt: PROT_ALL,
      noCoredump: (load.flags & PF_W) === 0,
      growsDown: false,
      touched: false,
      inherit: 'copy',
      wired: false,
    } as const;
    // Whole file pages come from the file; a page in which the bss starts is anonymous, with the file's part copied in.
    const fileMapEnd = load.memsz > load.filesz ? pageFloor(fileEnd) : pageCeil(fileEnd);
    if (fileMapEnd > start) {
      const offset = pageFloor(load.offset);
      const object = { kind: 'vnode', vnode, offset, fileEnd: Math.min(fileMapEnd, fileEnd), shared: false } as const;
      map = insertEntry(map, { ...common, start, end: fileMapEnd, object });
    }
    if (end > fileMapEnd) {
      const from = Math.max(start, fileMapEnd);
      map = insertEntry(map, { ...common, start: from, end, object: { kind: 'anon' }, touched: fileEnd > from });
      const tailStart = Math.max(from, vaddr);
      if (fileEnd > tailStart) {
        const offset = load.offset + (tailStart - vaddr);
        tails.push({ at: tailStart, bytes: bytes.subarray(offset, offset + (fileEnd - tailStart)) });
      }
    }
  }
  const stack: VmEntry = {
    start: USRSTACK - SGROWSIZ,
    end: USRSTACK,
    prot: PROT_ALL,
    maxProt: PROT_ALL,
    object: { kind: 'anon' },
    noCoredump: false,
    growsDown: true,
    touched: true,
    inherit: 'copy',
    wired: false,
  };
  if (map.some((e) => e.end > stack.start)) return false;
  k.setVmspace(id, {
    map: [...map, stack],
    textAddr: image.text.vaddr,
    textSize: image.text.sizeBytes,
    dataAddr: image.data.vaddr,
    dataSize: image.data.sizeBytes,
    stackLow: stack.start,
  });
  for (const tail of tails) poke(k, id, tail.at, tail.bytes);
  return true;
}

/** Writes into a new address space that nobody runs in yet. */
function poke(k: Kernel, id: VmspaceId, address: number, bytes: Uint8Array): void {
  const space = k.space(id);
  const prot = k.vmspace(id).map.find((e) => address >= e.start && address < e.end)?.prot ?? PROT_ALL;
  const perm = 1 | 4 | (prot & PROT_WRITE ? 2 : 0);
  for (let page = Math.floor(address / PAGE_SIZE); page * PAGE_SIZE < address + bytes.length; page++) {
    if (!space.isResident(page)) space.mapPage(page, perm);
  }
  space.poke(address, bytes);
}

/** What does not fit into the stack's first part makes it grow, as copyout's fault does. */
function growFor(k: Kernel, id: VmspaceId, low: number): void {
  const vm = k.vmspace(id);
  if (low >= vm.stackLow) return;
  const stackLow = vm.stackLow - Math.ceil((vm.stackLow - low) / SGROWSIZ) * SGROWSIZ;
  k.setVmspace(id, { map: vm.map.map((e) => (e.growsDown ? { ...e, start: stackLow } : e)), stackLow });
}

/**
 * The new stack, from the top: ps_strings, the signal trampoline, the path, the canary, page sizes, a spare page, the strings, and
 * below them auxv, envp, argv, argc. Null when it does not fit (FreeBSD exec_copyout_strings; freebsd-i386-abi.md, A.3).
 */
function buildStack(
  k: Kernel,
  id: VmspaceId,
  pid: Pid,
  image: ExecImage,
  execPath: string,
  args: readonly string[],
  env: readonly string[],
): { esp: number; auxv: readonly (readonly [number, number])[] } | null {
  const strings = [...args, ...env].map((text) => `${text}\0`);
  const stringBytes = bytesOf(strings.join(''));
  const pathAt = SIGCODE - (execPath.length + 1);
  const canaryAt = pathAt - CANARY_BYTES;
  const pageSizesAt = canaryAt - 8;
  const stringsAt = (pageSizesAt - SPARE_USRSPACE - stringBytes.length) & ~3;
  const vectorAt = (stringsAt >>> 0) - AT_COUNT * 8 - (args.length + env.length + 2) * 4;
  const esp = vectorAt - 4;
  growFor(k, id, esp - 4096);

  const canary = new Uint8Array(CANARY_BYTES);
  const prng = Prng.seeded(k.config.seed, 0x10000 + pid);
  for (let n = 0; n < CANARY_BYTES; n++) canary[n] = prng.next();

  poke(k, id, SIGCODE, sigcode());
  poke(k, id, pathAt, bytesOf(`${execPath}\0`));
  poke(k, id, canaryAt, canary);
  poke(k, id, pageSizesAt, words([PAGE_SIZE, 0]));
  poke(k, id, stringsAt >>> 0, stringBytes);

  let at = stringsAt >>> 0;
  const pointers = strings.map((text) => {
    const here = at;
    at += text.length;
    return here;
  });
  const argv = pointers.slice(0, args.length);
  const envp = pointers.slice(args.length);
  const auxv: (readonly [number, number])[] = [
    [AT_PHDR, image.phdrVaddr === 0 ? 0 : image.phdrVaddr + image.loadBase],
    [AT_PHENT, 32],
    [AT_PHNUM, image.phnum],
    [AT_PAGESZ, PAGE_SIZE],
    [AT_FLAGS, 0],
    [AT_ENTRY, image.entry + image.loadBase],
    [AT_BASE, 0],
    [AT_EXECPATH, pathAt],
    [AT_OSRELDATE, OSRELDATE],
    [AT_CANARY, canaryAt],
    [AT_CANARYLEN, CANARY_BYTES],
    [AT_NCPUS, k.config.cores],
    [AT_PAGESIZES, pageSizesAt],
    [AT_PAGESIZESLEN, 8],
    [AT_STACKPROT, PROT_ALL],
    [AT_NULL, 0],
  ];
  poke(k, id, esp, words([args.length, ...argv, 0, ...envp, 0, ...auxv.flat()]));
  const argvAt = esp + 4;
  const envpAt = argvAt + (args.length + 1) * 4;
  poke(k, id, PS_STRINGS, words([argvAt, args.length, envpAt, env.length]));
  return { esp, auxv };
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
