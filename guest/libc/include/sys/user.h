/* What kern.proc.* answers: FreeBSD 9.0 sys/user.h on i386. */
#ifndef SYS_USER_H
#define SYS_USER_H

#include <signal.h>
#include <sys/resource.h>

struct priority {
  uint8_t pri_class;
  uint8_t pri_level;
  uint8_t pri_native;
  uint8_t pri_user;
};

struct kinfo_proc {
  int ki_structsize;
  int ki_layout;
  uint32_t ki_args, ki_paddr, ki_addr, ki_tracep, ki_textvp, ki_fd, ki_vmspace, ki_wchan;
  pid_t ki_pid;
  pid_t ki_ppid;
  pid_t ki_pgid;
  pid_t ki_tpgid;
  pid_t ki_sid;
  pid_t ki_tsid;
  int16_t ki_jobc;
  int16_t ki_spare_short1;
  dev_t ki_tdev;
  sigset_t ki_siglist, ki_sigmask, ki_sigignore, ki_sigcatch;
  uid_t ki_uid, ki_ruid, ki_svuid;
  gid_t ki_rgid, ki_svgid;
  int16_t ki_ngroups;
  int16_t ki_spare_short2;
  gid_t ki_groups[16];
  uint32_t ki_size; /* bytes */
  int32_t ki_rssize, ki_swrss, ki_tsize, ki_dsize, ki_ssize; /* pages */
  uint16_t ki_xstat;
  uint16_t ki_acflag;
  uint32_t ki_pctcpu; /* 2048 = one whole CPU */
  uint32_t ki_estcpu, ki_slptime, ki_swtime, ki_cow;
  uint64_t ki_runtime; /* microseconds */
  struct timeval ki_start;
  struct timeval ki_childtime;
  int32_t ki_flag;
  int32_t ki_kiflag;
  int ki_traceflag;
  int8_t ki_stat;
  int8_t ki_nice;
  int8_t ki_lock;
  int8_t ki_rqindex;
  uint8_t ki_oncpu; /* 255: on none */
  uint8_t ki_lastcpu;
  char ki_tdname[17];
  char ki_wmesg[9];
  char ki_login[18];
  char ki_lockname[9];
  char ki_comm[20];
  char ki_emul[17];
  char ki_loginclass[18];
  char ki_sparestrings[50];
  int32_t ki_spareints[9];
  uint32_t ki_cr_flags;
  int ki_jid;
  int ki_numthreads;
  lwpid_t ki_tid;
  struct priority ki_pri;
  struct rusage ki_rusage;
  struct rusage ki_rusage_ch;
  uint32_t ki_pcb, ki_kstack, ki_udata, ki_tdaddr;
  uint32_t ki_spareptrs[6];
  int32_t ki_sparelongs[12];
  int32_t ki_sflag;
  int32_t ki_tdflags;
};
ABI_SIZE(struct kinfo_proc, 768);
ABI_OFFSET(struct kinfo_proc, ki_pid, 40);
ABI_OFFSET(struct kinfo_proc, ki_uid, 136);
ABI_OFFSET(struct kinfo_proc, ki_size, 224);
ABI_OFFSET(struct kinfo_proc, ki_pctcpu, 252);
ABI_OFFSET(struct kinfo_proc, ki_runtime, 272);
ABI_OFFSET(struct kinfo_proc, ki_stat, 308);
ABI_OFFSET(struct kinfo_proc, ki_tdname, 314);
ABI_OFFSET(struct kinfo_proc, ki_comm, 367);
ABI_OFFSET(struct kinfo_proc, ki_cr_flags, 508);
ABI_OFFSET(struct kinfo_proc, ki_tid, 520);
ABI_OFFSET(struct kinfo_proc, ki_pri, 524);
ABI_OFFSET(struct kinfo_proc, ki_rusage, 528);
ABI_OFFSET(struct kinfo_proc, ki_tdaddr, 684);
ABI_OFFSET(struct kinfo_proc, ki_tdflags, 764);

#define SIDL 1
#define SRUN 2
#define SSLEEP 3
#define SSTOP 4
#define SZOMB 5
#define SWAIT 6
#define SLOCK 7
#define NOCPU 255
#define PZERO 100
#define FSCALE 2048

/* Records are packed on output: the next one starts kve_structsize bytes further. */
struct kinfo_vmentry {
  int kve_structsize;
  int kve_type;
  uint64_t kve_start;
  uint64_t kve_end; /* first address behind */
  uint64_t kve_offset;
  uint64_t kve_vn_fileid;
  uint32_t kve_vn_fsid;
  int kve_flags;
  int kve_resident;
  int kve_private_resident;
  int kve_protection;
  int kve_ref_count;
  int kve_shadow_count;
  int kve_vn_type;
  uint64_t kve_vn_size;
  uint32_t kve_vn_rdev;
  uint16_t kve_vn_mode;
  uint16_t kve_status;
  int kve_ispare[12];
  char kve_path[1024];
};
ABI_SIZE(struct kinfo_vmentry, 1160);
ABI_OFFSET(struct kinfo_vmentry, kve_flags, 44);
ABI_OFFSET(struct kinfo_vmentry, kve_protection, 56);
ABI_OFFSET(struct kinfo_vmentry, kve_path, 136);

#define KVME_TYPE_NONE 0
#define KVME_TYPE_DEFAULT 1
#define KVME_TYPE_VNODE 2
#define KVME_TYPE_SWAP 3
#define KVME_TYPE_DEVICE 4
#define KVME_TYPE_PHYS 5
#define KVME_PROT_READ 1
#define KVME_PROT_WRITE 2
#define KVME_PROT_EXEC 4
#define KVME_FLAG_NOCOREDUMP 4
#define KVME_FLAG_GROWS_DOWN 0x20

#endif
