import { EFAULT, EINVAL } from '../abi/errno.ts';
import { UIO_MAXIOV } from '../abi/fcntl.ts';
import type { Errno, Pid } from '../abi/ids.ts';
import type { Kernel } from '../kern/kernel.ts';

/** FreeBSD struct uio: where in a process's memory the bytes of one transfer come from or go to. */
export interface Uio {
  readonly pid: Pid;
  readonly segments: readonly { readonly address: number; readonly length: number }[];
  /** Sum of the lengths, at most INT_MAX. */
  readonly length: number;
}

/** FreeBSD IOSIZE_MAX: EINVAL beyond. */
const TRANSFER_MAX = 0x7fffffff;

export function singleUio(pid: Pid, address: number, length: number): Uio | Errno {
  const size = length >>> 0;
  if (size > TRANSFER_MAX) return EINVAL;
  return { pid, segments: [{ address: address >>> 0, length: size }], length: size };
}

/** FreeBSD copyinuio: the vector of readv(2) and writev(2). */
export function vectorUio(k: Kernel, pid: Pid, iov: number, count: number): Uio | Errno {
  if (count < 0 || count > UIO_MAXIOV) return EINVAL;
  const bytes = k.copyin(pid, iov, count * 8);
  if (typeof bytes === 'number') return EFAULT;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const segments = [];
  let length = 0;
  for (let i = 0; i < count; i++) {
    const segment = { address: view.getUint32(i * 8, true), length: view.getUint32(i * 8 + 4, true) };
    length += segment.length;
    if (length > TRANSFER_MAX) return EINVAL;
    segments.push(segment);
  }
  return { pid, segments, length };
}

/** At most `max` bytes of the transfer from its byte `offset` on. EFAULT. */
export function copyFrom(k: Kernel, uio: Uio, offset: number, max: number): Uint8Array | Errno {
  const result = new Uint8Array(Math.min(max, uio.length - offset));
  let at = 0;
  for (const piece of pieces(uio, offset, result.length)) {
    const bytes = k.copyin(uio.pid, piece.address, piece.length);
    if (typeof bytes === 'number') return bytes;
    result.set(bytes, at);
    at += bytes.length;
  }
  return result;
}

/** Puts bytes into the transfer from its byte `offset` on; they must fit. False is EFAULT. */
export function copyTo(k: Kernel, uio: Uio, offset: number, bytes: Uint8Array): boolean {
  let at = 0;
  for (const piece of pieces(uio, offset, bytes.length)) {
    if (!k.copyout(uio.pid, piece.address, bytes.subarray(at, at + piece.length))) return false;
    at += piece.length;
  }
  return true;
}

function* pieces(uio: Uio, offset: number, length: number): Generator<{ address: number; length: number }> {
  let skip = offset;
  let left = length;
  for (const segment of uio.segments) {
    if (left === 0) return;
    if (skip >= segment.length) {
      skip -= segment.length;
      continue;
    }
    const size = Math.min(segment.length - skip, left);
    // An address that runs past 2^32 stays what it is, and faults.
    yield { address: segment.address + skip, length: size };
    left -= size;
    skip = 0;
  }
}
