import {
  EAX,
  EBP,
  EBX,
  ECX,
  EDI,
  EDX,
  EFLAGS,
  EIP,
  ESI,
  ESP,
  FLAG_DF,
  FLAG_RF,
  FLAG_TF,
  FXSAVE_BYTE_OFFSET,
  SEG_CS,
  SEG_DS,
  SEG_ES,
  SEG_FS,
  SEG_GS,
  SEG_SELECTOR,
  SEG_SS,
} from '../../emu/core/core-state.ts';
import { SELECTOR_UCODE, SELECTOR_UDATA } from '../../emu/core/reset.ts';
import { EFAULT, EINVAL } from '../abi/errno.ts';
import type { Errno, Tid } from '../abi/ids.ts';
import { PSL_USERCHANGE } from '../abi/ptrace.ts';
import { encodeSiginfo } from '../abi/siginfo.ts';
import { SIGKILL, SIGSTOP } from '../abi/signal.ts';
import { SIGCODE } from '../abi/vmparam.ts';
import type { Kernel } from './kernel.ts';
import { freshRegisters, loadSelectors, regsOf } from './regs.ts';
import { setSigmask } from './signal.ts';
import type { SigAction, SigInfo, SigStack } from './state.ts';

/*
 * Signal frames: FreeBSD 9.0 sys/i386/include/sigframe.h, ucontext.h; i386/machdep.c (freebsd-i386-abi.md, C.3).
 */

// sa_flags and ss_flags: sys/sys/signal.h.
export const SA_ONSTACK = 1;
export const SA_RESTART = 2;
export const SA_RESETHAND = 4;
export const SA_NODEFER = 0x10;
export const SA_SIGINFO = 0x40;
export const SS_ONSTACK = 1;
export const SS_DISABLE = 4;

/** sizeof(struct sigframe), and where its parts stand. */
const FRAME_SIZE = 800;
const SF_HANDLER = 16;
const SF_UC = 32;
const SF_SI = 736;
/** sizeof(ucontext_t), and the offset of its mcontext. */
export const UCONTEXT_SIZE = 704;
const UC_MCONTEXT = 16;
const UC_STACK = 660;
const MC_SIZE = 640;
const MC_ONSTACK = UC_MCONTEXT;
const MC_GS = UC_MCONTEXT + 4;
/** Doublewords of the trap frame in mcontext order, from mc_fs on; null: not restored (mc_isp, mc_trapno, mc_err). */
const MC_FRAME = UC_MCONTEXT + 8;
const FRAME_WORDS: readonly (readonly ['reg' | 'seg', number] | null)[] = [
  ['seg', SEG_FS],
  ['seg', SEG_ES],
  ['seg', SEG_DS],
  ['reg', EDI],
  ['reg', ESI],
  ['reg', EBP],
  null,
  ['reg', EBX],
  ['reg', EDX],
  ['reg', ECX],
  ['reg', EAX],
  null,
  null,
  ['reg', EIP],
  ['seg', SEG_CS],
  ['reg', EFLAGS],
  ['reg', ESP],
  ['seg', SEG_SS],
];
const MC_TRAPNO = UC_MCONTEXT + 52;
const MC_LEN = UC_MCONTEXT + 80;
const MC_FPFORMAT = UC_MCONTEXT + 84;
const MC_OWNEDFP = UC_MCONTEXT + 88;
const MC_FPSTATE = UC_MCONTEXT + 96;
const MC_FSBASE = UC_MCONTEXT + 608;
const FPFMT_XMM = 0x10002;
const FPOWNED_NONE = 0x20000;
const FPOWNED_PCB = 0x20002;

/**
 * Makes the thread call its handler when it is next in user mode: a frame on its stack (or the alternate one), registers at the
 * trampoline. `returnMask` is what sigreturn(2) puts back. False: the frame cannot be written.
 */
export function sendsig(k: Kernel, tid: Tid, action: SigAction, info: SigInfo, returnMask: readonly number[]): boolean {
  const td = k.thread(tid);
  const regs = regsOf(k, tid);
  const onStack = isOnStack(td.sigstack, regs[ESP]! >>> 0);
  const useAlternate = (action.flags & SA_ONSTACK) !== 0 && (td.sigstack.flags & SS_DISABLE) === 0 && !onStack;
  const base = useAlternate ? (td.sigstack.sp + td.sigstack.size) >>> 0 : regs[ESP]! >>> 0;
  const at = ((base - FRAME_SIZE) & ~15) >>> 0;
  const bytes = new Uint8Array(FRAME_SIZE);
  const view = new DataView(bytes.buffer);
  const siginfo = (action.flags & SA_SIGINFO) !== 0;
  view.setInt32(0, info.signo, true);
  view.setUint32(4, siginfo ? at + SF_SI : info.code >>> 0, true);
  view.setUint32(8, at + SF_UC, true);
  view.setUint32(12, siginfo ? 0 : info.addr, true);
  view.setUint32(SF_HANDLER, action.handler, true);
  bytes.set(encodeUcontext(k, tid, returnMask, info, onStack), SF_UC);
  bytes.set(encodeSiginfo(info), SF_SI);
  if (!k.copyout(td.pid, at, bytes)) return false;

  loadSelectors(k, tid, [
    [SEG_CS, SELECTOR_UCODE],
    [SEG_SS, SELECTOR_UDATA],
    [SEG_DS, SELECTOR_UDATA],
    [SEG_ES, SELECTOR_UDATA],
    [SEG_FS, SELECTOR_UDATA],
  ]);
  regs[ESP] = at | 0;
  regs[EIP] = SIGCODE | 0;
  regs[EFLAGS] = regs[EFLAGS]! & ~(FLAG_TF | FLAG_DF);
  // The handler starts with a clean FPU.
  fpState(regs).set(new Uint8Array(freshRegisters().buffer, FXSAVE_BYTE_OFFSET, 512));
  return true;
}

const fpState = (regs: Int32Array): Uint8Array =>
  new Uint8Array(regs.buffer, regs.byteOffset + FXSAVE_BYTE_OFFSET, 512);

/** FreeBSD sigonstack(9). */
export const isOnStack = (stack: SigStack, esp: number): boolean =>
  (stack.flags & SS_DISABLE) === 0 && esp >= stack.sp && esp < stack.sp + stack.size;

function encodeUcontext(k: Kernel, tid: Tid, mask: readonly number[], info: SigInfo, onStack: boolean): Uint8Array {
  const td = k.thread(tid);
  const regs = regsOf(k, tid);
  const bytes = new Uint8Array(UCONTEXT_SIZE);
  const view = new DataView(bytes.buffer);
  mask.forEach((word, n) => {
    view.setInt32(n * 4, word, true);
  });
  view.setInt32(MC_ONSTACK, onStack ? 1 : 0, true);
  view.setInt32(MC_GS, regs[SEG_SELECTOR + SEG_GS]! & 0xffff, true);
  FRAME_WORDS.forEach((word, n) => {
    if (word)
      view.setInt32(
        MC_FRAME + n * 4,
        word[0] === 'reg' ? regs[word[1]]! : regs[SEG_SELECTOR + word[1]]! & 0xffff,
        true,
      );
  });
  view.setInt32(MC_TRAPNO, info.trapno, true);
  view.setInt32(MC_LEN, MC_SIZE, true);
  view.setInt32(MC_FPFORMAT, FPFMT_XMM, true);
  view.setInt32(MC_OWNEDFP, FPOWNED_PCB, true);
  bytes.set(fpState(regs), MC_FPSTATE);
  view.setUint32(MC_FSBASE, td.fsBase, true);
  view.setUint32(MC_FSBASE + 4, td.gsBase, true);
  view.setUint32(UC_STACK, td.sigstack.sp, true);
  view.setUint32(UC_STACK + 4, td.sigstack.size, true);
  view.setInt32(UC_STACK + 8, (td.sigstack.flags & SS_DISABLE) !== 0 ? SS_DISABLE : onStack ? SS_ONSTACK : 0, true);
  return bytes;
}

/**
 * FreeBSD set_mcontext, for a thread that is being made: the registers, %gs too, that a ucontext says. EINVAL when it is none, or names
 * segments that are not the user's.
 */
export function setMcontext(k: Kernel, tid: Tid, bytes: Uint8Array): Errno | 0 {
  const view = new DataView(bytes.buffer);
  if (view.getInt32(MC_LEN, true) !== MC_SIZE) return EINVAL;
  const regs = regsOf(k, tid);
  const selectors: [number, number][] = [[SEG_GS, view.getInt32(MC_GS, true) & 0xffff]];
  FRAME_WORDS.forEach((word, n) => {
    if (word?.[0] === 'seg') selectors.push([word[1], view.getInt32(MC_FRAME + n * 4, true) & 0xffff]);
  });
  if (!loadSelectors(k, tid, selectors)) return EINVAL;
  FRAME_WORDS.forEach((word, n) => {
    if (word?.[0] !== 'reg') return;
    const value = view.getInt32(MC_FRAME + n * 4, true);
    regs[word[1]] = word[1] === EFLAGS ? (value & PSL_USERCHANGE) | (regs[EFLAGS]! & ~PSL_USERCHANGE) : value;
  });
  if (view.getInt32(MC_OWNEDFP, true) !== FPOWNED_NONE) fpState(regs).set(bytes.subarray(MC_FPSTATE, MC_FPSTATE + 512));
  return 0;
}

/**
 * sigreturn(2): back to what a ucontext says. Errors: EFAULT; EINVAL for EFLAGS bits that user mode may not change, for selectors that are
 * not the user's, for an unknown FPU format. %gs is left alone: the trampoline has loaded it.
 */
export function sigreturn(k: Kernel, tid: Tid, ucontextAt: number): Errno | 0 {
  const td = k.thread(tid);
  const bytes = k.copyin(td.pid, ucontextAt, UCONTEXT_SIZE);
  if (typeof bytes === 'number') return EFAULT;
  const view = new DataView(bytes.buffer);
  const regs = regsOf(k, tid);
  const words = FRAME_WORDS.map((word, n) => ({ word, value: view.getInt32(MC_FRAME + n * 4, true) }));
  const registers = words.filter(({ word }) => word?.[0] === 'reg');
  const eflags = registers.find(({ word }) => word![1] === EFLAGS)!.value;
  // The CPU sets RF in the image of EFLAGS that a fault leaves: no matter.
  if (((eflags ^ regs[EFLAGS]!) & ~(PSL_USERCHANGE | FLAG_RF)) !== 0) return EINVAL;
  const ownedFp = view.getInt32(MC_OWNEDFP, true);
  if (ownedFp !== FPOWNED_NONE && view.getInt32(MC_FPFORMAT, true) !== FPFMT_XMM) return EINVAL;
  const selectors = words.flatMap(({ word, value }) =>
    word?.[0] === 'seg' ? [[word[1], value & 0xffff] as const] : [],
  );
  if (selectors.some(([seg, selector]) => seg === SEG_CS && (selector & 3) !== 3)) return EINVAL;
  if (!loadSelectors(k, tid, selectors)) return EINVAL;
  for (const { word, value } of registers) regs[word![1]] = value;
  if (ownedFp !== FPOWNED_NONE) fpState(regs).set(bytes.subarray(MC_FPSTATE, MC_FPSTATE + 512));
  const mask = [0, 1, 2, 3].map((n) => view.getInt32(n * 4, true));
  mask[0] = mask[0]! & ~((1 << (SIGKILL - 1)) | (1 << (SIGSTOP - 1)));
  setSigmask(k, tid, mask);
  return 0;
}
