/* System calls and nothing else: 1000 getpid(2) a round. */
#include "shim.h"

u32 work(u32 rounds) {
  u32 pid = 0;
  for (u32 i = 0; i < rounds * 1000; i++) pid = system_call(SYS_getpid, 0, 0, 0);
  return pid ? rounds : 0;
}
