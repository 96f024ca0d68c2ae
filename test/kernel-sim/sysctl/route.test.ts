import { describe, expect, it } from 'vitest';
import { EINVAL, EISDIR, ENOTDIR } from '../../../kernel-sim/abi/errno.ts';
import { latin1 } from '../../../kernel-sim/kern/kernel.ts';
import { sysctlSyscalls } from '../../../kernel-sim/sys/sysctl.ts';
import { addProcess, Caller, fileKernel } from '../../support/kernel.ts';
import { SysctlCaller } from './sysctl-caller.ts';

const [AF_INET, IFLIST, DUMP] = [2, 3, 1];

const setup = () => {
  const { k } = fileKernel();
  return new SysctlCaller(new Caller(k, addProcess(k), sysctlSyscalls));
};

/** Messages as getifaddrs(3) goes through them: type, which addresses follow, and those, each rounded up to a doubleword. */
function messagesOf(list: Uint8Array) {
  const found: { type: number; flags: number; addrs: number; sockaddrs: Uint8Array[] }[] = [];
  for (let at = 0; at < list.length; ) {
    const view = new DataView(list.buffer, list.byteOffset + at);
    const [length, version, type] = [view.getUint16(0, true), view.getUint8(2), view.getUint8(3)];
    expect(version).toBe(5);
    expect(view.getUint16(12, true)).toBe(1);
    const sockaddrs: Uint8Array[] = [];
    for (let next = type === 0xe ? 96 : 20; next < length; next += (view.getUint8(next) + 3) & ~3)
      sockaddrs.push(list.subarray(at + next, at + next + view.getUint8(next)));
    found.push({ type, addrs: view.getInt32(4, true), flags: view.getInt32(8, true), sockaddrs });
    at += length;
  }
  return found;
}

describe('net.routetable', () => {
  it('lists lo0 with its link, then its addresses: RTM_IFINFO, RTM_NEWADDR', () => {
    const [link, v6, v4, ...more] = messagesOf(setup().read([4, 17, 0, 0, IFLIST, 0]) as Uint8Array);
    expect(more).toEqual([]);
    expect(link).toMatchObject({ type: 0xe, addrs: 0x10, flags: 0x8049 });
    expect([...link!.sockaddrs[0]!.subarray(0, 6)]).toEqual([56, 18, 1, 0, 0x18, 3]);
    expect(latin1(link!.sockaddrs[0]!.subarray(8, 11))).toBe('lo0');
    expect(v4).toMatchObject({ type: 0xc, addrs: 0xa4 });
    const ipv4 = [
      [255, 0, 0, 0],
      [127, 0, 0, 1],
      [127, 0, 0, 1],
    ];
    expect(v4!.sockaddrs.map((one) => [...one])).toEqual(
      ipv4.map((address) => [16, AF_INET, 0, 0, ...address, ...new Array(8).fill(0)]),
    );
    expect(v6).toMatchObject({ type: 0xc, addrs: 0x24 });
    expect(v6!.sockaddrs.map((one) => [one[0], one[1], one[8], one[23]])).toEqual([
      [28, 28, 0xff, 0xff],
      [28, 28, 0, 1],
    ]);
  });

  it('can be asked for one family, or one interface', () => {
    const s = setup();
    expect(messagesOf(s.read([4, 17, 0, AF_INET, IFLIST, 0]) as Uint8Array).map(({ type }) => type)).toEqual([
      0xe, 0xc,
    ]);
    expect(messagesOf(s.read([4, 17, 0, 0, IFLIST, 1]) as Uint8Array).length).toBe(3);
    expect(s.read([4, 17, 0, 0, IFLIST, 2])).toEqual(new Uint8Array());
  });

  it('has no routes, and refuses what it is not asked for in four numbers', () => {
    const s = setup();
    expect(s.read([4, 17, 0, 0, DUMP, 0])).toEqual(new Uint8Array());
    expect(s.read([4, 17, 0, 0, 99, 0])).toBe(EINVAL);
    expect(s.read([4, 17, 0, 0, IFLIST])).toBe(EISDIR);
    expect(s.read([4, 17, 0, 0, IFLIST, 0, 0])).toBe(ENOTDIR);
  });
});
