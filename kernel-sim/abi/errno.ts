import type { Errno } from './ids.ts';

const e = (n: number): Errno => n as Errno;

// FreeBSD sys/sys/errno.h
export const EPERM = e(1);
export const ENOENT = e(2);
export const ESRCH = e(3);
export const EINTR = e(4);
export const EIO = e(5);
export const ENXIO = e(6);
export const E2BIG = e(7);
export const ENOEXEC = e(8);
export const EBADF = e(9);
export const ECHILD = e(10);
export const EDEADLK = e(11);
export const ENOMEM = e(12);
export const EACCES = e(13);
export const EFAULT = e(14);
export const ENOTBLK = e(15);
export const EBUSY = e(16);
export const EEXIST = e(17);
export const EXDEV = e(18);
export const ENODEV = e(19);
export const ENOTDIR = e(20);
export const EISDIR = e(21);
export const EINVAL = e(22);
export const ENFILE = e(23);
export const EMFILE = e(24);
export const ENOTTY = e(25);
export const ETXTBSY = e(26);
export const EFBIG = e(27);
export const ENOSPC = e(28);
export const ESPIPE = e(29);
export const EROFS = e(30);
export const EMLINK = e(31);
export const EPIPE = e(32);
export const EDOM = e(33);
export const ERANGE = e(34);
export const EAGAIN = e(35);
export const EINPROGRESS = e(36);
export const EALREADY = e(37);
export const ENOTSOCK = e(38);
export const EDESTADDRREQ = e(39);
export const EMSGSIZE = e(40);
export const EPROTOTYPE = e(41);
export const ENOPROTOOPT = e(42);
export const EPROTONOSUPPORT = e(43);
export const ESOCKTNOSUPPORT = e(44);
export const EOPNOTSUPP = e(45);
export const EPFNOSUPPORT = e(46);
export const EAFNOSUPPORT = e(47);
export const EADDRINUSE = e(48);
export const EADDRNOTAVAIL = e(49);
export const ENETDOWN = e(50);
export const ENETUNREACH = e(51);
export const ENETRESET = e(52);
export const ECONNABORTED = e(53);
export const ECONNRESET = e(54);
export const ENOBUFS = e(55);
export const EISCONN = e(56);
export const ENOTCONN = e(57);
export const ESHUTDOWN = e(58);
export const ETOOMANYREFS = e(59);
export const ETIMEDOUT = e(60);
export const ECONNREFUSED = e(61);
export const ELOOP = e(62);
export const ENAMETOOLONG = e(63);
export const EHOSTDOWN = e(64);
export const EHOSTUNREACH = e(65);
export const ENOTEMPTY = e(66);
export const EPROCLIM = e(67);
export const EUSERS = e(68);
export const EDQUOT = e(69);
export const ESTALE = e(70);
export const EREMOTE = e(71);
export const EBADRPC = e(72);
export const ERPCMISMATCH = e(73);
export const EPROGUNAVAIL = e(74);
export const EPROGMISMATCH = e(75);
export const EPROCUNAVAIL = e(76);
export const ENOLCK = e(77);
export const ENOSYS = e(78);
export const EFTYPE = e(79);
export const EAUTH = e(80);
export const ENEEDAUTH = e(81);
export const EIDRM = e(82);
export const ENOMSG = e(83);
export const EOVERFLOW = e(84);
export const ECANCELED = e(85);
export const EILSEQ = e(86);
export const ENOATTR = e(87);
export const EDOOFUS = e(88);
export const EBADMSG = e(89);
export const EMULTIHOP = e(90);
export const ENOLINK = e(91);
export const EPROTO = e(92);
export const ENOTCAPABLE = e(93);
export const ECAPMODE = e(94);

const NAMES: ReadonlyMap<number, string> = new Map([
  [1, 'EPERM'],
  [2, 'ENOENT'],
  [3, 'ESRCH'],
  [4, 'EINTR'],
  [5, 'EIO'],
  [6, 'ENXIO'],
  [7, 'E2BIG'],
  [8, 'ENOEXEC'],
  [9, 'EBADF'],
  [10, 'ECHILD'],
  [11, 'EDEADLK'],
  [12, 'ENOMEM'],
  [13, 'EACCES'],
  [14, 'EFAULT'],
  [15, 'ENOTBLK'],
  [16, 'EBUSY'],
  [17, 'EEXIST'],
  [18, 'EXDEV'],
  [19, 'ENODEV'],
  [20, 'ENOTDIR'],
  [21, 'EISDIR'],
  [22, 'EINVAL'],
  [23, 'ENFILE'],
  [24, 'EMFILE'],
  [25, 'ENOTTY'],
  [26, 'ETXTBSY'],
  [27, 'EFBIG'],
  [28, 'ENOSPC'],
  [29, 'ESPIPE'],
  [30, 'EROFS'],
  [31, 'EMLINK'],
  [32, 'EPIPE'],
  [33, 'EDOM'],
  [34, 'ERANGE'],
  [35, 'EAGAIN'],
  [36, 'EINPROGRESS'],
  [37, 'EALREADY'],
  [38, 'ENOTSOCK'],
  [39, 'EDESTADDRREQ'],
  [40, 'EMSGSIZE'],
  [41, 'EPROTOTYPE'],
  [42, 'ENOPROTOOPT'],
  [43, 'EPROTONOSUPPORT'],
  [44, 'ESOCKTNOSUPPORT'],
  [45, 'EOPNOTSUPP'],
  [46, 'EPFNOSUPPORT'],
  [47, 'EAFNOSUPPORT'],
  [48, 'EADDRINUSE'],
  [49, 'EADDRNOTAVAIL'],
  [50, 'ENETDOWN'],
  [51, 'ENETUNREACH'],
  [52, 'ENETRESET'],
  [53, 'ECONNABORTED'],
  [54, 'ECONNRESET'],
  [55, 'ENOBUFS'],
  [56, 'EISCONN'],
  [57, 'ENOTCONN'],
  [58, 'ESHUTDOWN'],
  [59, 'ETOOMANYREFS'],
  [60, 'ETIMEDOUT'],
  [61, 'ECONNREFUSED'],
  [62, 'ELOOP'],
  [63, 'ENAMETOOLONG'],
  [64, 'EHOSTDOWN'],
  [65, 'EHOSTUNREACH'],
  [66, 'ENOTEMPTY'],
  [67, 'EPROCLIM'],
  [68, 'EUSERS'],
  [69, 'EDQUOT'],
  [70, 'ESTALE'],
  [71, 'EREMOTE'],
  [72, 'EBADRPC'],
  [73, 'ERPCMISMATCH'],
  [74, 'EPROGUNAVAIL'],
  [75, 'EPROGMISMATCH'],
  [76, 'EPROCUNAVAIL'],
  [77, 'ENOLCK'],
  [78, 'ENOSYS'],
  [79, 'EFTYPE'],
  [80, 'EAUTH'],
  [81, 'ENEEDAUTH'],
  [82, 'EIDRM'],
  [83, 'ENOMSG'],
  [84, 'EOVERFLOW'],
  [85, 'ECANCELED'],
  [86, 'EILSEQ'],
  [87, 'ENOATTR'],
  [88, 'EDOOFUS'],
  [89, 'EBADMSG'],
  [90, 'EMULTIHOP'],
  [91, 'ENOLINK'],
  [92, 'EPROTO'],
  [93, 'ENOTCAPABLE'],
  [94, 'ECAPMODE'],
]);

/** `ENOENT` for 2; the number itself when it has no name. */
export const errnoName = (n: number): string => NAMES.get(n) ?? String(n);
