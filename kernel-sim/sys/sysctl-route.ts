import { EINVAL, EISDIR, ENOTDIR } from '../abi/errno.ts';
import type { Errno } from '../abi/ids.ts';
import { encode } from '../abi/layout.ts';
import * as route from '../abi/route.ts';
import { AF_INET, AF_INET6, AF_UNSPEC, ANY_V4, encodeSockaddr, LOOPBACK_V4, LOOPBACK_V6 } from '../abi/socket.ts';
import type { Kernel } from '../kern/kernel.ts';
import type { SysctlRequest, SysctlRow } from './sysctl-row.ts';

/* net.routetable, by which getifaddrs(3) lists interfaces: FreeBSD 9.3 net/rtsock.c (sysctl_rtsock). Differs: there are no routes. */

/** The one interface there is. */
const LO0 = {
  name: 'lo0',
  index: 1,
  flags: route.IFF_UP | route.IFF_LOOPBACK | route.IFF_DRV_RUNNING | route.IFF_MULTICAST,
  mtuBytes: 16384,
} as const;

interface InterfaceAddress {
  readonly family: number;
  /** As in SocketName. */
  readonly address: string;
  readonly netmask: string;
}

const ADDRESSES: readonly InterfaceAddress[] = [
  { family: AF_INET6, address: LOOPBACK_V6, netmask: 'f'.repeat(32) },
  { family: AF_INET, address: LOOPBACK_V4, netmask: ANY_V4.replace(/0{8}$/, 'ff000000') },
];

/** `args`: a protocol that nobody looks at, an address family (0: all), what is asked for, and a number (of an interface; 0: all). */
function readRoutes(_k: Kernel, { args }: SysctlRequest): Uint8Array | Errno {
  if (args.length !== 4) return args.length < 4 ? EISDIR : ENOTDIR;
  const [, family, question, index] = args as [number, number, number, number];
  switch (question) {
    case route.NET_RT_IFLIST:
      return index === 0 || index === LO0.index ? interfaceList(family) : new Uint8Array();
    case route.NET_RT_DUMP:
    case route.NET_RT_FLAGS:
    case route.NET_RT_IFMALIST:
      return new Uint8Array();
    default:
      return EINVAL;
  }
}

/** The interface, then its addresses of a family. */
function interfaceList(family: number): Uint8Array {
  const wanted = ADDRESSES.filter((one) => family === AF_UNSPEC || one.family === family);
  return joined([interfaceMessage(), ...wanted.map(addressMessage)]);
}

function interfaceMessage(): Uint8Array {
  const link = encode(route.sockaddrDlLayout, {
    sdl_len: route.sockaddrDlLayout.sizeBytes,
    sdl_family: route.AF_LINK,
    sdl_index: LO0.index,
    sdl_type: route.IFT_LOOP,
    sdl_nlen: LO0.name.length,
    sdl_data: LO0.name,
  });
  const header = encode(route.ifMsghdrLayout, {
    ifm_msglen: route.ifMsghdrLayout.sizeBytes + link.length,
    ifm_version: route.RTM_VERSION,
    ifm_type: route.RTM_IFINFO,
    ifm_addrs: route.RTA_IFP,
    ifm_flags: LO0.flags,
    ifm_index: LO0.index,
    ifm_data: { ifi_type: route.IFT_LOOP, ifi_datalen: route.IF_DATA_SIZE, ifi_mtu: LO0.mtuBytes, ifi_epoch: 1 },
  });
  return joined([header, link]);
}

/** Netmask, address, and for IPv4 the other end, which is the same. */
function addressMessage({ family, address, netmask }: InterfaceAddress): Uint8Array {
  const own = encodeSockaddr(family, { kind: 'inet', address, port: 0 });
  const mask = encodeSockaddr(family, { kind: 'inet', address: netmask, port: 0 });
  const others = family === AF_INET ? [own] : [];
  const sockaddrs = joined([mask, own, ...others]);
  const header = encode(route.ifaMsghdrLayout, {
    ifam_msglen: route.ifaMsghdrLayout.sizeBytes + sockaddrs.length,
    ifam_version: route.RTM_VERSION,
    ifam_type: route.RTM_NEWADDR,
    ifam_addrs: route.RTA_NETMASK | route.RTA_IFA | (others.length > 0 ? route.RTA_BRD : 0),
    ifam_flags: 0,
    ifam_index: LO0.index,
    ifam_metric: 0,
  });
  return joined([header, sockaddrs]);
}

const joined = (parts: readonly Uint8Array[]): Uint8Array => new Uint8Array(parts.flatMap((part) => [...part]));

export const routeRows: readonly SysctlRow[] = [
  {
    mib: [4, route.AF_ROUTE],
    name: 'net.routetable',
    kind: 'node',
    format: '',
    description: 'Network interfaces, and routes (none)',
    read: readRoutes,
  },
];
