/**
 * What kern.proc.* answers and the NT_PROCSTAT notes of a core carry: FreeBSD 9.0 sys/sys/user.h on i386. Sizes and offsets of
 * kinfo_proc and kinfo_vmentry: freebsd-i386-abi.md, C; of kinfo_file: sys/user.h of 9.x (cap_rights_t is 64 bits wide).
 */
import { encode, type Layout, layout } from './layout.ts';
import { rusageLayout, timevalLayout } from './resource.ts';

export const KINFO_PROC_SIZE = 768;
/** Full sizes of the structures that are packed on output. */
export const KINFO_VMENTRY_SIZE = 1160;
export const KINFO_FILE_SIZE = 1392;

// ---- kinfo_proc --------------------------------------------------------------------------------------------------------

/** ki_stat. */
export const SIDL = 1;
export const SRUN = 2;
export const SSLEEP = 3;
export const SSTOP = 4;
export const SZOMB = 5;
/** ki_oncpu, ki_lastcpu: none. */
export const NOCPU = 255;
/** ki_tdev: no terminal. */
export const NODEV = 0xffffffff;
/** ki_pctcpu of one whole CPU; also the unit of load averages. */
export const FSCALE = 2048;

/** ki_kiflag. */
export const KI_CTTY = 1;
export const KI_SLEADER = 2;

/** ki_flag: p_flag of sys/sys/proc.h. */
export const P_CONTROLT = 0x2;
export const P_PPWAIT = 0x10;
export const P_HADTHREADS = 0x80;
export const P_TRACED = 0x800;
export const P_WAITED = 0x1000;
export const P_CONTINUED = 0x10000;
export const P_STOPPED_SIG = 0x20000;
export const P_STOPPED_TRACE = 0x40000;
export const P_INMEM = 0x10000000;

/** ki_sflag: in memory. */
export const PS_INMEM = 1;
/** ki_tdflags: in memory; the sleep can be interrupted. */
export const TDF_INMEM = 4;
export const TDF_SINTR = 8;

/** struct priority: values are td_priority and the like (PZERO is 100, PUSER 120). */
export const priorityLayout = layout(4, [
  { name: 'pri_class', at: 0, kind: 'u8' },
  { name: 'pri_level', at: 1, kind: 'u8' },
  { name: 'pri_native', at: 2, kind: 'u8' },
  { name: 'pri_user', at: 3, kind: 'u8' },
]);

// biome-ignore format: one field per line
export const kinfoProcLayout = layout(KINFO_PROC_SIZE, [
  { name: 'ki_structsize', at: 0, kind: 'i32' },
  { name: 'ki_layout', at: 4, kind: 'i32' },
  { name: 'ki_args', at: 8, kind: 'u32' },
  { name: 'ki_paddr', at: 12, kind: 'u32' },
  { name: 'ki_addr', at: 16, kind: 'u32' },
  { name: 'ki_tracep', at: 20, kind: 'u32' },
  { name: 'ki_textvp', at: 24, kind: 'u32' },
  { name: 'ki_fd', at: 28, kind: 'u32' },
  { name: 'ki_vmspace', at: 32, kind: 'u32' },
  { name: 'ki_wchan', at: 36, kind: 'u32' },
  { name: 'ki_pid', at: 40, kind: 'i32' },
  { name: 'ki_ppid', at: 44, kind: 'i32' },
  { name: 'ki_pgid', at: 48, kind: 'i32' },
  { name: 'ki_tpgid', at: 52, kind: 'i32' },
  { name: 'ki_sid', at: 56, kind: 'i32' },
  { name: 'ki_tsid', at: 60, kind: 'i32' },
  { name: 'ki_jobc', at: 64, kind: 'i16' },
  { name: 'ki_tdev', at: 68, kind: 'u32' },
  { name: 'ki_siglist', at: 72, kind: 'words', count: 4 },
  { name: 'ki_sigmask', at: 88, kind: 'words', count: 4 },
  { name: 'ki_sigignore', at: 104, kind: 'words', count: 4 },
  { name: 'ki_sigcatch', at: 120, kind: 'words', count: 4 },
  { name: 'ki_uid', at: 136, kind: 'u32' },
  { name: 'ki_ruid', at: 140, kind: 'u32' },
  { name: 'ki_svuid', at: 144, kind: 'u32' },
  { name: 'ki_rgid', at: 148, kind: 'u32' },
  { name: 'ki_svgid', at: 152, kind: 'u32' },
  { name: 'ki_ngroups', at: 156, kind: 'i16' },
  { name: 'ki_groups', at: 160, kind: 'words', count: 16 },
  /** Bytes. */
  { name: 'ki_size', at: 224, kind: 'u32' },
  /** This and the next four in pages. */
  { name: 'ki_rssize', at: 228, kind: 'i32' },
  { name: 'ki_swrss', at: 232, kind: 'i32' },
  { name: 'ki_tsize', at: 236, kind: 'i32' },
  { name: 'ki_dsize', at: 240, kind: 'i32' },
  { name: 'ki_ssize', at: 244, kind: 'i32' },
  { name: 'ki_xstat', at: 248, kind: 'u16' },
  { name: 'ki_acflag', at: 250, kind: 'u16' },
  /** In FSCALE-ths of a CPU. */
  { name: 'ki_pctcpu', at: 252, kind: 'u32' },
  { name: 'ki_estcpu', at: 256, kind: 'u32' },
  /** Seconds asleep, seconds since the start. */
  { name: 'ki_slptime', at: 260, kind: 'u32' },
  { name: 'ki_swtime', at: 264, kind: 'u32' },
  { name: 'ki_cow', at: 268, kind: 'u32' },
  /** Microseconds. */
  { name: 'ki_runtime', at: 272, kind: 'u64' },
  { name: 'ki_start', at: 280, kind: 'struct', of: timevalLayout },
  { name: 'ki_childtime', at: 288, kind: 'struct', of: timevalLayout },
  { name: 'ki_flag', at: 296, kind: 'i32' },
  { name: 'ki_kiflag', at: 300, kind: 'i32' },
  { name: 'ki_traceflag', at: 304, kind: 'i32' },
  { name: 'ki_stat', at: 308, kind: 'i8' },
  { name: 'ki_nice', at: 309, kind: 'i8' },
  { name: 'ki_lock', at: 310, kind: 'i8' },
  { name: 'ki_rqindex', at: 311, kind: 'i8' },
  { name: 'ki_oncpu', at: 312, kind: 'u8' },
  { name: 'ki_lastcpu', at: 313, kind: 'u8' },
  { name: 'ki_tdname', at: 314, kind: 'text', sizeBytes: 17 },
  { name: 'ki_wmesg', at: 331, kind: 'text', sizeBytes: 9 },
  { name: 'ki_login', at: 340, kind: 'text', sizeBytes: 18 },
  { name: 'ki_lockname', at: 358, kind: 'text', sizeBytes: 9 },
  { name: 'ki_comm', at: 367, kind: 'text', sizeBytes: 20 },
  { name: 'ki_emul', at: 387, kind: 'text', sizeBytes: 17 },
  { name: 'ki_loginclass', at: 404, kind: 'text', sizeBytes: 18 },
  { name: 'ki_cr_flags', at: 508, kind: 'u32' },
  { name: 'ki_jid', at: 512, kind: 'i32' },
  { name: 'ki_numthreads', at: 516, kind: 'i32' },
  { name: 'ki_tid', at: 520, kind: 'i32' },
  { name: 'ki_pri', at: 524, kind: 'struct', of: priorityLayout },
  { name: 'ki_rusage', at: 528, kind: 'struct', of: rusageLayout },
  { name: 'ki_rusage_ch', at: 600, kind: 'struct', of: rusageLayout },
  { name: 'ki_pcb', at: 672, kind: 'u32' },
  { name: 'ki_kstack', at: 676, kind: 'u32' },
  { name: 'ki_udata', at: 680, kind: 'u32' },
  { name: 'ki_tdaddr', at: 684, kind: 'u32' },
  { name: 'ki_sflag', at: 760, kind: 'i32' },
  { name: 'ki_tdflags', at: 764, kind: 'i32' },
]);

export type KinfoProc = typeof kinfoProcLayout.zero;

// ---- kinfo_vmentry -----------------------------------------------------------------------------------------------------

export const KVME_TYPE_NONE = 0;
export const KVME_TYPE_DEFAULT = 1;
export const KVME_TYPE_VNODE = 2;

export const KVME_FLAG_COW = 1;
export const KVME_FLAG_NEEDS_COPY = 2;
export const KVME_FLAG_NOCOREDUMP = 4;
export const KVME_FLAG_GROWS_DOWN = 0x20;

const PATH_MAX = 1024;

// biome-ignore format: one field per line
export const kinfoVmentryLayout = layout(KINFO_VMENTRY_SIZE, [
  { name: 'kve_structsize', at: 0, kind: 'i32' },
  { name: 'kve_type', at: 4, kind: 'i32' },
  { name: 'kve_start', at: 8, kind: 'u64' },
  /** First address behind. */
  { name: 'kve_end', at: 16, kind: 'u64' },
  { name: 'kve_offset', at: 24, kind: 'u64' },
  { name: 'kve_vn_fileid', at: 32, kind: 'u64' },
  { name: 'kve_vn_fsid', at: 40, kind: 'u32' },
  { name: 'kve_flags', at: 44, kind: 'i32' },
  { name: 'kve_resident', at: 48, kind: 'i32' },
  { name: 'kve_private_resident', at: 52, kind: 'i32' },
  /** KVME_PROT_READ 1, WRITE 2, EXEC 4: the bits of PROT_. */
  { name: 'kve_protection', at: 56, kind: 'i32' },
  { name: 'kve_ref_count', at: 60, kind: 'i32' },
  { name: 'kve_shadow_count', at: 64, kind: 'i32' },
  { name: 'kve_vn_type', at: 68, kind: 'i32' },
  { name: 'kve_vn_size', at: 72, kind: 'u64' },
  { name: 'kve_vn_rdev', at: 80, kind: 'u32' },
  { name: 'kve_vn_mode', at: 84, kind: 'u16' },
  { name: 'kve_status', at: 86, kind: 'u16' },
  { name: 'kve_path', at: 136, kind: 'text', sizeBytes: PATH_MAX },
]);

export type KinfoVmentry = typeof kinfoVmentryLayout.zero;

// ---- kinfo_file --------------------------------------------------------------------------------------------------------

export const KF_TYPE_VNODE = 1;
export const KF_TYPE_SOCKET = 2;
export const KF_TYPE_PIPE = 3;
export const KF_TYPE_FIFO = 4;
export const KF_TYPE_SHM = 8;
export const KF_TYPE_PTS = 10;
export const KF_TYPE_PROCDESC = 11;
export const KF_TYPE_KQUEUE = 5;

/** kf_vnode_type and kve_vn_type. */
export const KF_VTYPE_VNON = 0;
export const KF_VTYPE_VREG = 1;
export const KF_VTYPE_VDIR = 2;
export const KF_VTYPE_VCHR = 4;
export const KF_VTYPE_VLNK = 5;
export const KF_VTYPE_VSOCK = 6;
export const KF_VTYPE_VFIFO = 7;

/** kf_fd of what is not a descriptor. */
export const KF_FD_TYPE_CWD = -1;
export const KF_FD_TYPE_ROOT = -2;
export const KF_FD_TYPE_TEXT = -5;

export const KF_FLAG_READ = 0x1;
export const KF_FLAG_WRITE = 0x2;
export const KF_FLAG_APPEND = 0x4;
export const KF_FLAG_NONBLOCK = 0x20;

/** kf_status, kve_status: the fields about the vnode are filled. */
export const KF_ATTR_VALID = 1;

/** Without the socket addresses; the fields from 304 on are those of kf_un.kf_file. */
// biome-ignore format: one field per line
export const kinfoFileLayout = layout(KINFO_FILE_SIZE, [
  { name: 'kf_structsize', at: 0, kind: 'i32' },
  { name: 'kf_type', at: 4, kind: 'i32' },
  { name: 'kf_fd', at: 8, kind: 'i32' },
  { name: 'kf_ref_count', at: 12, kind: 'i32' },
  { name: 'kf_flags', at: 16, kind: 'i32' },
  { name: 'kf_offset', at: 24, kind: 'i64' },
  { name: 'kf_vnode_type', at: 32, kind: 'i32' },
  { name: 'kf_file_fileid', at: 304, kind: 'u64' },
  { name: 'kf_file_size', at: 312, kind: 'u64' },
  { name: 'kf_file_fsid', at: 320, kind: 'u32' },
  { name: 'kf_file_rdev', at: 324, kind: 'u32' },
  { name: 'kf_file_mode', at: 328, kind: 'u16' },
  { name: 'kf_status', at: 336, kind: 'u16' },
  { name: 'kf_path', at: 368, kind: 'text', sizeBytes: PATH_MAX },
]);

export type KinfoFile = typeof kinfoFileLayout.zero;

// ---- packing -----------------------------------------------------------------------------------------------------------

export const encodeKinfoVmentries = (entries: readonly KinfoVmentry[]): Uint8Array =>
  pack(entries.map((entry) => packed(kinfoVmentryLayout, 'kve_structsize', entry, entry.kve_path)));

export const encodeKinfoFiles = (files: readonly KinfoFile[]): Uint8Array =>
  pack(files.map((file) => packed(kinfoFileLayout, 'kf_structsize', file, file.kf_path)));

/** Packed records, as kern.proc.vmmap gives them. Precondition: the bytes are such records (see `encodeKinfoVmentries`). */
export const decodeKinfoVmentries = (bytes: Uint8Array): KinfoVmentry[] => unpack(kinfoVmentryLayout, bytes);
export const decodeKinfoFiles = (bytes: Uint8Array): KinfoFile[] => unpack(kinfoFileLayout, bytes);

/**
 * A record with its path, the last field, cut off behind its NUL and the whole rounded up to 8 bytes; its first doubleword says
 * how long it came out (kern_proc.c, sysctl_kern_proc_vmmap).
 */
function packed<T>(of: Layout<T>, sizeField: keyof T, record: T, path: string): Uint8Array {
  const pathAt = of.sizeBytes - PATH_MAX;
  const used = pathAt + Math.min(path.length, PATH_MAX - 1) + 1;
  const structsize = Math.ceil(used / 8) * 8;
  return encode(of, { ...record, [sizeField]: structsize }).subarray(0, structsize);
}

function pack(records: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(records.reduce((sum, record) => sum + record.length, 0));
  let at = 0;
  for (const record of records) {
    bytes.set(record, at);
    at += record.length;
  }
  return bytes;
}

function unpack<T>(of: Layout<T>, bytes: Uint8Array): T[] {
  const records: T[] = [];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; ) {
    const size = view.getInt32(at, true);
    const whole = new Uint8Array(of.sizeBytes);
    whole.set(bytes.subarray(at, at + size));
    records.push(of.get(new DataView(whole.buffer), 0));
    at += Math.max(8, size);
  }
  return records;
}
