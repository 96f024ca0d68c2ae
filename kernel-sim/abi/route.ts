import { layout } from './layout.ts';

/* Messages about network interfaces. Source: FreeBSD 9.0 sys/net/route.h, sys/net/if.h, sys/net/if_dl.h, i386. */

export const AF_ROUTE = 17;
export const AF_LINK = 18;

/** What sysctl(3) net.routetable can be asked for. */
export const NET_RT_DUMP = 1;
export const NET_RT_FLAGS = 2;
export const NET_RT_IFLIST = 3;
export const NET_RT_IFMALIST = 4;

export const RTM_VERSION = 5;
export const RTM_NEWADDR = 0xc;
export const RTM_IFINFO = 0xe;

/** Which addresses follow a message, lowest bit first. */
export const RTA_NETMASK = 0x4;
export const RTA_IFP = 0x10;
export const RTA_IFA = 0x20;
export const RTA_BRD = 0x80;

export const IFF_UP = 0x1;
export const IFF_LOOPBACK = 0x8;
export const IFF_DRV_RUNNING = 0x40;
export const IFF_MULTICAST = 0x8000;

export const IFT_LOOP = 0x18;

/** struct if_data: what is not here is counters. */
const ifDataLayout = layout(80, [
  { name: 'ifi_type', at: 0, kind: 'u8' },
  { name: 'ifi_datalen', at: 7, kind: 'u8' },
  { name: 'ifi_mtu', at: 8, kind: 'u32' },
  { name: 'ifi_epoch', at: 68, kind: 'u32' },
]);

export const IF_DATA_SIZE = ifDataLayout.sizeBytes;

export const ifMsghdrLayout = layout(96, [
  { name: 'ifm_msglen', at: 0, kind: 'u16' },
  { name: 'ifm_version', at: 2, kind: 'u8' },
  { name: 'ifm_type', at: 3, kind: 'u8' },
  { name: 'ifm_addrs', at: 4, kind: 'i32' },
  { name: 'ifm_flags', at: 8, kind: 'i32' },
  { name: 'ifm_index', at: 12, kind: 'u16' },
  { name: 'ifm_data', at: 16, kind: 'struct', of: ifDataLayout },
]);

export const ifaMsghdrLayout = layout(20, [
  { name: 'ifam_msglen', at: 0, kind: 'u16' },
  { name: 'ifam_version', at: 2, kind: 'u8' },
  { name: 'ifam_type', at: 3, kind: 'u8' },
  { name: 'ifam_addrs', at: 4, kind: 'i32' },
  { name: 'ifam_flags', at: 8, kind: 'i32' },
  { name: 'ifam_index', at: 12, kind: 'u16' },
  { name: 'ifam_metric', at: 16, kind: 'i32' },
]);

/** struct sockaddr_dl, with the padding that the kernel gives it. */
export const sockaddrDlLayout = layout(56, [
  { name: 'sdl_len', at: 0, kind: 'u8' },
  { name: 'sdl_family', at: 1, kind: 'u8' },
  { name: 'sdl_index', at: 2, kind: 'u16' },
  { name: 'sdl_type', at: 4, kind: 'u8' },
  { name: 'sdl_nlen', at: 5, kind: 'u8' },
  { name: 'sdl_data', at: 8, kind: 'text', sizeBytes: 46 },
]);
