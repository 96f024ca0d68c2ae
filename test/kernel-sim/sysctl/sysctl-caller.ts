import { bytesOf, latin1 } from '../../../kernel-sim/kern/kernel.ts';
import { type Caller, OUT } from '../../support/kernel.ts';

export interface RawCall {
  readonly mib: readonly number[];
  readonly old: number;
  /** What *oldlenp holds; null: oldlenp is NULL. */
  readonly room?: number | null;
  readonly lengthAt?: number;
  readonly value?: number;
  readonly valueLength?: number;
}

/** Where the name and the length stand; values go to OUT. */
const NAME_AT = OUT - 4096;
const LENGTH_AT = OUT - 64;

/** Calls __sysctl as libc does. */
export class SysctlCaller {
  readonly c: Caller;

  constructor(c: Caller) {
    this.c = c;
  }

  /** The call itself: its errno (0: none) and what *oldlenp says afterwards. */
  raw({ mib, old, room = 0, lengthAt, value = 0, valueLength = 0 }: RawCall): { errno: number; length: number | null } {
    this.c.poke(NAME_AT, new Uint8Array(Int32Array.from(mib).buffer));
    this.c.poke(LENGTH_AT, new Uint8Array(Uint32Array.of(room ?? 0).buffer));
    const at = lengthAt ?? (room === null ? 0 : LENGTH_AT);
    const result = this.c.call('__sysctl', NAME_AT, mib.length, old, at, value, valueLength);
    const length = room === null ? null : this.c.view(LENGTH_AT, 4).getUint32(0, true);
    return { errno: result.kind === 'error' ? result.errno : 0, length };
  }

  /** The value of at most `room` bytes, or the errno. */
  read(mib: readonly number[], room = 65536): Uint8Array | number {
    const { errno, length } = this.raw({ mib, old: OUT, room });
    return errno || this.c.bytes(OUT, length!);
  }

  /** A string value without its NUL. */
  text(mib: readonly number[]): string {
    const bytes = this.read(mib);
    if (typeof bytes === 'number') throw new Error(`sysctl ${mib.join('.')}: errno ${bytes}`);
    return latin1(bytes).replace(/\0$/, '');
  }

  /** Unsigned doublewords. */
  words(mib: readonly number[]): number[] {
    const bytes = this.read(mib);
    if (typeof bytes === 'number') throw new Error(`sysctl ${mib.join('.')}: errno ${bytes}`);
    return [...new Uint32Array(bytes.buffer)];
  }

  /** sysctlnametomib(3): numbers, or the errno. */
  mib(name: string): number[] | number {
    this.c.poke(OUT + 32768, bytesOf(name));
    const call = { mib: [0, 3], old: OUT, room: 96, value: OUT + 32768, valueLength: name.length };
    const { errno, length } = this.raw(call);
    return errno || [...new Int32Array(this.c.bytes(OUT, length!).buffer)];
  }
}
