/* FreeBSD 9.0 sys/shm.h, sys/ipc.h: shared memory of System V. */
#ifndef SYS_SHM_H
#define SYS_SHM_H

#include <sys/types.h>

#define IPC_PRIVATE 0
#define IPC_CREAT 01000
#define IPC_EXCL 02000
#define IPC_RMID 0
#define IPC_STAT 2
#define SHM_RDONLY 010000

struct ipc_perm {
  uid_t cuid;
  gid_t cgid;
  uid_t uid;
  gid_t gid;
  mode_t mode;
  uint16_t seq;
  long key;
};

struct shmid_ds {
  struct ipc_perm shm_perm;
  size_t shm_segsz;
  pid_t shm_lpid, shm_cpid;
  int shm_nattch;
  time_t shm_atime, shm_dtime, shm_ctime;
};
ABI_SIZE(struct shmid_ds, 52);

int shmget(long key, size_t size, int flags);
void *shmat(int id, const void *address, int flags);
int shmdt(const void *address);
int shmctl(int id, int command, struct shmid_ds *status);

#endif
