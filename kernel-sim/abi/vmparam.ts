// FreeBSD 9.0 sys/i386/include/vmparam.h, pmap.h; sys/sys/mman.h; limits as GENERIC has them (freebsd-i386-abi.md, A.2).
export const VM_MIN_ADDRESS = 0x1000;
export const VM_MAXUSER_ADDRESS = 0xbfc00000;
export const USRSTACK = 0xbfc00000;
export const PS_STRINGS = USRSTACK - 16;
export const SZSIGCODE = 64;
export const SIGCODE = PS_STRINGS - SZSIGCODE;
/** maxdsiz: what RLIMIT_DATA may be at most; mmap(NULL) starts this far above the data segment. */
export const MAXDSIZ = 512 << 20;
export const MAXSSIZ = 64 << 20;
/** sgrowsiz: the stack grows in steps of this. */
export const SGROWSIZ = 128 << 10;
export const MAXTSIZ = 128 << 20;

export const PROT_NONE = 0;
export const PROT_READ = 1;
export const PROT_WRITE = 2;
export const PROT_EXEC = 4;
export const PROT_ALL = 7;

export const MAP_SHARED = 0x1;
export const MAP_PRIVATE = 0x2;
export const MAP_FIXED = 0x10;
export const MAP_STACK = 0x400;
export const MAP_ANON = 0x1000;
export const MAP_NOCORE = 0x20000;

export const pageFloor = (n: number): number => Math.floor(n / 4096) * 4096;
export const pageCeil = (n: number): number => Math.ceil(n / 4096) * 4096;
