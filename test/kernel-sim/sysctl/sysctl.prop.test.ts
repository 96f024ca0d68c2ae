import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { pid } from '../../../kernel-sim/abi/ids.ts';
import { latin1 } from '../../../kernel-sim/kern/kernel.ts';
import { sysctlSyscalls } from '../../../kernel-sim/sys/sysctl.ts';
import { sysctlRows } from '../../../kernel-sim/sys/sysctl-nodes.ts';
import { addProcess, Caller, fileKernel, MEMORY, OUT, WILD } from '../../support/kernel.ts';
import { property } from '../../support/property.ts';
import { SysctlCaller } from './sysctl-caller.ts';

const setup = () => {
  const { k, events } = fileKernel({ cores: 3 });
  const s = new SysctlCaller(new Caller(k, addProcess(k), sysctlSyscalls));
  addProcess(k, { uid: 1001, args: ['a', 'b'] });
  const dead = addProcess(k);
  k.setProc(dead.pid, { state: 'zombie', threads: [], vmspace: 0 });
  const lost = addProcess(k);
  k.setProc(lost.pid, { state: 'lost', threads: [], vmspace: 0 });
  return { k, s, events };
};

const someInt = fc.oneof(fc.integer({ min: -2, max: 0x120 }), fc.integer());
/** Numbers that are a row's, or nearly: cut short, with others behind or in between. */
const mib = fc.oneof(
  fc.array(someInt, { maxLength: 26 }),
  fc
    .tuple(
      fc.constantFrom(...sysctlRows),
      fc.array(fc.oneof(fc.constantFrom(1, 2, 3, 4, 100001), someInt), { maxLength: 3 }),
    )
    .map(([row, more]) => [...row.mib, ...more]),
  fc
    .tuple(fc.integer({ min: 0, max: 6 }), fc.constantFrom(...sysctlRows), fc.nat(4))
    .map(([question, row, depth]) => [0, question, ...row.mib.slice(0, depth)]),
);
const length = fc.oneof(
  fc.nat(4096),
  fc.constantFrom(0, 1, 3, 4, 0x7fffffff, 0x80000000, 0xffffffff),
  fc.nat(0xffffffff),
);
const address = fc.constantFrom(0, OUT, OUT + 40960, MEMORY, WILD, 0xbfc00000, 0xffffffff, MEMORY - 1);

describe('__sysctl', () => {
  it('answers anything with an error or a length that fits, and touches nothing behind it', () => {
    const { s } = setup();
    const guard = new Uint8Array(8).fill(0xa5);
    fc.assert(
      fc.property(mib, fc.nat(6000), fc.boolean(), (name, room, toBuffer) => {
        s.c.poke(OUT + room, guard);
        const { errno, length: told } = s.raw({ mib: name, old: toBuffer ? OUT : 0, room });
        expect(errno).toBeGreaterThanOrEqual(0);
        expect(errno).toBeLessThan(95);
        if (toBuffer && errno === 0) expect(told).toBeLessThanOrEqual(room);
        else expect(told).toBeLessThan(64 * 1024);
        expect(s.c.bytes(OUT + room, 8)).toEqual(guard);
      }),
      property(3000),
    );
  });

  it('never throws, whatever addresses and lengths it is given', () => {
    const { s } = setup();
    const { c } = s;
    fc.assert(
      fc.property(
        mib,
        address,
        length,
        address,
        length,
        address,
        length,
        (name, at, nameLength, old, room, value, more) => {
          c.poke(OUT, new Uint8Array(Int32Array.from(name).buffer));
          c.poke(OUT + 40960, new Uint8Array(Uint32Array.of(room).buffer));
          const count = nameLength < 4096 ? name.length : nameLength;
          const { kind } = c.call('__sysctl', at === OUT ? OUT : at, count, old, OUT + 40960, value, more);
          expect(['return', 'error']).toContain(kind);
        },
      ),
      property(3000),
    );
  });

  it('gives the beginning of a value when there is no room for all of it', () => {
    const { s } = setup();
    const rows = sysctlRows.filter(
      (row) => row.kind !== 'node' && !('inputSize' in row) && row.name !== 'kern.arandom',
    );
    fc.assert(
      fc.property(fc.constantFrom(...rows), fc.nat(40), (row, room) => {
        const whole = s.read(row.mib) as Uint8Array;
        const { errno, length: told } = s.raw({ mib: row.mib, old: OUT, room });
        expect(errno === 0).toBe(room >= whole.length);
        expect(told).toBe(Math.min(room, whole.length));
        expect(latin1(s.c.bytes(OUT, told!))).toBe(latin1(whole.subarray(0, told!)));
      }),
      property(),
    );
  });

  it('leaves the processes that it looks at alone', () => {
    const { k, s } = setup();
    const before = k.proc(pid(2));
    fc.assert(
      fc.property(mib, (name) => {
        s.read(name);
        expect(k.proc(pid(2))).toBe(before);
        expect(k.state.procs.size).toBe(4);
      }),
      property(1000),
    );
  });
});
