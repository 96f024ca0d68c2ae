import { EFAULT, EINVAL } from '../abi/errno.ts';
import type { Kernel } from '../kern/kernel.ts';
import { randomBytes } from '../kern/random.ts';
import type { Thread } from '../kern/state.ts';
import { fail, ok, type SyscallResult } from '../kern/syscall-result.ts';
import type { SyscallRow } from './row.ts';

/** kern_uuid.c. */
const COUNT_MAX = 2048;
const UUID_SIZE = 16;
/** 100 ns steps from the beginning of the Gregorian calendar (1582-10-15) to that of Unix (RFC 4122, 4.1.4). */
const GREGORIAN_STEPS = 0x01b21dd213814000n;
/** Nodes without a network card set the bit that no card's address has (RFC 4122, 4.5). */
const MULTICAST = 1;

/**
 * uuidgen(2): `count` identifiers of version 1 with consecutive times. Sequence and node are random bytes of the seed, others at
 * each call. Layout: FreeBSD 9.0 sys/sys/uuid.h.
 */
function sys_uuidgen(k: Kernel, td: Thread, [store, count]: readonly number[]): SyscallResult {
  if (count! < 1 || count! > COUNT_MAX) return fail(EINVAL);
  const now = GREGORIAN_STEPS + BigInt(k.config.bootTimeSec) * 10_000_000n + BigInt(Math.floor(k.now() / 100));
  const [sequenceHigh, sequenceLow, first, ...node] = randomBytes(k, 8) as unknown as [number, number, ...number[]];
  const bytes = new Uint8Array(count! * UUID_SIZE);
  const view = new DataView(bytes.buffer);
  for (let n = 0; n < count!; n++) {
    const at = n * UUID_SIZE;
    const time = now + BigInt(n);
    view.setUint32(at, Number(time & 0xffffffffn), true);
    view.setUint16(at + 4, Number((time >> 32n) & 0xffffn), true);
    view.setUint16(at + 6, Number(time >> 48n) | 0x1000, true);
    bytes.set([(sequenceHigh & 0x3f) | 0x80, sequenceLow, first! | MULTICAST, ...node], at + 8);
  }
  return k.copyout(td.pid, store!, bytes) ? ok() : fail(EFAULT);
}

export const uuidSyscalls: readonly SyscallRow[] = [
  {
    number: 392,
    name: 'uuidgen',
    args: [
      ['store', 'out'],
      ['count', 'int'],
    ],
    support: 'full',
    handler: sys_uuidgen,
  },
];
