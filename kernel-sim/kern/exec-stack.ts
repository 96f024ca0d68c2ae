import { Prng } from '../../emu/base/prng.ts';
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
} from '../abi/elf.ts';
import type { Pid } from '../abi/ids.ts';
import { words } from '../abi/layout.ts';
import { PROT_ALL, PS_STRINGS, SGROWSIZ, SIGCODE } from '../abi/vmparam.ts';
import type { ExecImage } from '../elf/exec-image.ts';
import { poke } from './exec-map.ts';
import { bytesOf, type Kernel } from './kernel.ts';
import { RELEASES } from './release.ts';
import { sigcode } from './sigcode.ts';
import type { VmspaceId } from './state.ts';

const CANARY_BYTES = 32;
const SPARE_USRSPACE = 4096;

/** What does not fit into the stack's first part makes it grow, as copyout's fault does. False: something is in its way. */
function growFor(k: Kernel, id: VmspaceId, low: number): boolean {
  const vm = k.vmspace(id);
  if (low >= vm.stackLow) return true;
  const stackLow = vm.stackLow - Math.ceil((vm.stackLow - low) / SGROWSIZ) * SGROWSIZ;
  if (vm.map.some((e) => !e.growsDown && e.end > stackLow)) return false;
  k.setVmspace(id, { map: vm.map.map((e) => (e.growsDown ? { ...e, start: stackLow } : e)), stackLow });
  return true;
}

/** What a new program finds on its stack. */
export interface NewProgram {
  readonly image: ExecImage;
  /** AT_BASE: where its interpreter stands, or a program without one that is not where it was linked for. */
  readonly base: number;
  readonly execPath: string;
  readonly args: readonly string[];
  readonly env: readonly string[];
}

/**
 * The new stack, from the top: ps_strings, the signal trampoline, the path, the canary, page sizes, a spare page, the strings, and
 * below them auxv, envp, argv, argc. Null when it does not fit (FreeBSD exec_copyout_strings; freebsd-i386-abi.md, A.3).
 */
export function buildStack(
  k: Kernel,
  id: VmspaceId,
  pid: Pid,
  { image, base, execPath, args, env }: NewProgram,
): { esp: number; auxv: readonly (readonly [number, number])[] } | null {
  const strings = [...args, ...env].map((text) => `${text}\0`);
  const stringBytes = bytesOf(strings.join(''));
  const pathAt = SIGCODE - (execPath.length + 1);
  const canaryAt = pathAt - CANARY_BYTES;
  const pageSizesAt = canaryAt - 8;
  const stringsAt = (pageSizesAt - SPARE_USRSPACE - stringBytes.length) & ~3;
  const vectorAt = (stringsAt >>> 0) - AT_COUNT * 8 - (args.length + env.length + 2) * 4;
  const esp = vectorAt - 4;
  if (!growFor(k, id, esp - 4096)) return null;

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
    [AT_BASE, base],
    [AT_EXECPATH, pathAt],
    [AT_OSRELDATE, RELEASES[k.config.release]],
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
