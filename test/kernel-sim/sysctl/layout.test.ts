import { describe, expect, it } from 'vitest';
import {
  decodeKinfoFiles,
  decodeKinfoVmentries,
  encodeKinfoFiles,
  encodeKinfoVmentries,
  type KinfoProc,
  kinfoFileLayout,
  kinfoProcLayout,
  kinfoVmentryLayout,
} from '../../../kernel-sim/abi/kinfo.ts';
import { decode, encode, type Layout } from '../../../kernel-sim/abi/layout.ts';
import { decodeRlimit, encodeRlimits, RLIM_INFINITY, rusageLayout } from '../../../kernel-sim/abi/resource.ts';

/** Offsets as clang laid out the headers of 9.1 for i386 (freebsd-i386-abi.md, C). */
const ORACLE = {
  kinfo_proc:
    'ki_structsize@0 ki_layout@4 ki_args@8 ki_paddr@12 ki_addr@16 ki_tracep@20 ki_textvp@24 ki_fd@28 ki_vmspace@32 ki_wchan@36 ki_pid@40 ki_ppid@44 ki_pgid@48 ki_tpgid@52 ki_sid@56 ki_tsid@60 ki_jobc@64 ki_tdev@68 ki_siglist@72 ki_sigmask@88 ki_sigignore@104 ki_sigcatch@120 ki_uid@136 ki_ruid@140 ki_svuid@144 ki_rgid@148 ki_svgid@152 ki_ngroups@156 ki_groups@160 ki_size@224 ki_rssize@228 ki_swrss@232 ki_tsize@236 ki_dsize@240 ki_ssize@244 ki_xstat@248 ki_acflag@250 ki_pctcpu@252 ki_estcpu@256 ki_slptime@260 ki_swtime@264 ki_cow@268 ki_runtime@272 ki_start@280 ki_childtime@288 ki_flag@296 ki_kiflag@300 ki_traceflag@304 ki_stat@308 ki_nice@309 ki_lock@310 ki_rqindex@311 ki_oncpu@312 ki_lastcpu@313 ki_tdname@314 ki_wmesg@331 ki_login@340 ki_lockname@358 ki_comm@367 ki_emul@387 ki_loginclass@404 ki_cr_flags@508 ki_jid@512 ki_numthreads@516 ki_tid@520 ki_pri@524 ki_rusage@528 ki_rusage_ch@600 ki_pcb@672 ki_kstack@676 ki_udata@680 ki_tdaddr@684 ki_sflag@760 ki_tdflags@764',
  kinfo_vmentry:
    'kve_structsize@0 kve_type@4 kve_start@8 kve_end@16 kve_offset@24 kve_vn_fileid@32 kve_vn_fsid@40 kve_flags@44 kve_resident@48 kve_private_resident@52 kve_protection@56 kve_ref_count@60 kve_shadow_count@64 kve_vn_type@68 kve_vn_size@72 kve_vn_rdev@80 kve_vn_mode@84 kve_status@86 kve_path@136',
  rusage:
    'ru_utime@0 ru_stime@8 ru_maxrss@16 ru_ixrss@20 ru_idrss@24 ru_isrss@28 ru_minflt@32 ru_majflt@36 ru_nswap@40 ru_inblock@44 ru_oublock@48 ru_msgsnd@52 ru_msgrcv@56 ru_nsignals@60 ru_nvcsw@64 ru_nivcsw@68',
};

const offsetsOf = (oracle: string): Map<string, number> =>
  new Map(oracle.split(' ').map((word) => [word.split('@')[0]!, Number(word.split('@')[1])]));

/** A value of the same shape whose bytes are not 0 where the field begins. */
function mark(zero: unknown): unknown {
  if (typeof zero === 'number') return 1;
  if (typeof zero === 'string') return 'x';
  if (Array.isArray(zero)) return zero.map(() => 1);
  return Object.fromEntries(Object.entries(zero as object).map(([name, value]) => [name, mark(value)]));
}

/** Where the first byte that a field alone sets stands. */
function firstByteOf<T>(of: Layout<T>, field: string): number {
  const record = { ...of.zero, [field]: mark((of.zero as Record<string, unknown>)[field]) };
  return encode(of, record as T).findIndex((byte) => byte !== 0);
}

describe('structures', () => {
  it.each([
    ['kinfo_proc', 768, kinfoProcLayout],
    ['kinfo_vmentry', 1160, kinfoVmentryLayout],
    ['rusage', 72, rusageLayout],
  ] as const)('%s has %i bytes and every field where the i386 compiler puts it', (name, size, layout) => {
    const of = layout as Layout<unknown>;
    expect(of.sizeBytes).toBe(size);
    const offsets = offsetsOf(ORACLE[name]);
    expect(Object.keys(of.zero as object)).toEqual([...offsets.keys()]);
    for (const [field, at] of offsets) expect([field, firstByteOf(of, field)]).toEqual([field, at]);
  });

  it('give back what was put in', () => {
    const record: KinfoProc = {
      ...kinfoProcLayout.zero,
      ki_structsize: 768,
      ki_tpgid: -1,
      ki_tdev: 0xffffffff,
      ki_sigmask: [0xffffffff, 0, 1, 0x80000000],
      ki_runtime: 2 ** 40,
      ki_nice: -20,
      ki_comm: 'matrix',
      ki_start: { tv_sec: 1_325_376_000, tv_usec: 999_999 },
      ki_rusage: { ...rusageLayout.zero, ru_utime: { tv_sec: 3, tv_usec: 4 }, ru_nivcsw: 5 },
      ki_groups: [0, 5, ...new Array<number>(14).fill(0)],
    };
    expect(decode(kinfoProcLayout, encode(kinfoProcLayout, record))).toEqual(record);
  });

  it('cut text off so that a NUL remains', () => {
    const bytes = encode(kinfoProcLayout, { ...kinfoProcLayout.zero, ki_comm: 'abcdefghijklmnopqrstuvwxyz' });
    expect(decode(kinfoProcLayout, bytes).ki_comm).toBe('abcdefghijklmnopqrs');
    expect(bytes[386]).toBe(0);
  });
});

describe('packed records', () => {
  it.each([
    ['', 144],
    ['/bin/sh', 144],
    ['/bin/ps1', 152],
    [`/${'x'.repeat(2000)}`, 1160],
  ])('kinfo_vmentry with the path %j takes %i bytes', (path, size) => {
    const entries = [1, 2].map((n) => ({ ...kinfoVmentryLayout.zero, kve_start: n, kve_path: path }));
    const bytes = encodeKinfoVmentries(entries);
    expect(bytes.length).toBe(2 * size);
    const read = decodeKinfoVmentries(bytes);
    expect(read.map((entry) => entry.kve_start)).toEqual([1, 2]);
    expect(read.map((entry) => entry.kve_structsize)).toEqual([size, size]);
    expect(read[1]!.kve_path).toBe(path.slice(0, 1023));
  });

  it('kinfo_file has 1392 bytes with its path at 368', () => {
    expect(kinfoFileLayout.sizeBytes).toBe(1392);
    expect(firstByteOf(kinfoFileLayout, 'kf_path')).toBe(368);
    const bytes = encodeKinfoFiles([{ ...kinfoFileLayout.zero, kf_fd: -5, kf_offset: -1, kf_path: '/a' }]);
    expect(bytes.length).toBe(376);
    expect(decodeKinfoFiles(bytes)[0]).toMatchObject({ kf_structsize: 376, kf_fd: -5, kf_offset: -1, kf_path: '/a' });
  });
});

describe('struct rlimit', () => {
  it('holds no limit as 2^63 - 1, and takes a negative one as none', () => {
    const bytes = encodeRlimits([{ soft: 4096, hard: RLIM_INFINITY }]);
    expect([...bytes.subarray(0, 8)]).toEqual([0, 16, 0, 0, 0, 0, 0, 0]);
    expect([...bytes.subarray(8)]).toEqual([255, 255, 255, 255, 255, 255, 255, 127]);
    expect(decodeRlimit(bytes)).toEqual({ soft: 4096, hard: RLIM_INFINITY });
    expect(decodeRlimit(new Uint8Array(16).fill(255))).toEqual({ soft: RLIM_INFINITY, hard: RLIM_INFINITY });
  });
});
