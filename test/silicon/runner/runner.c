/*
 * The native half of the silicon oracle: runs machine code given on stdin on the real CPU, one case at a time, and reports the
 * state it left on stdout. A static 32-bit Linux program without libc.
 *
 * Shape: a signal handler is the loop. Every case ends in a signal (single-step #DB, #BP, a fault); the handler writes the state
 * in the signal frame to the output, puts the next case's state into the same frame, and returns into it. So registers, flags,
 * segments and x87/SSE are set and read by the kernel's sigreturn, and the runner needs no free register and no stack of the case.
 *
 * Everything else in the address space is unmapped, and a seccomp filter turns a system call made by a case into SIGSYS.
 * The layout of the records stands in ../protocol.ts; the two must agree.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define CODE_BASE 0x10000000u /* 2 pages, read and execute */
#define CODE_SIZE 0x2000u
#define DATA_BASE 0x20000000u /* 2 pages read-write, 1 read-only, then nothing */
#define DATA_RW_SIZE 0x2000u
#define DATA_SIZE 0x3000u

#define MODE_STEP 0 /* TF is set: `steps` instructions (iterations of repeated strings) */
#define MODE_RUN 1  /* no TF: until a trap */

#define SYS_exit 1
#define SYS_read 3
#define SYS_write 4
#define SYS_munmap 91
#define SYS_setitimer 104
#define SYS_modify_ldt 123
#define SYS_mprotect 125
#define SYS_prctl 172
#define SYS_rt_sigaction 174
#define SYS_sigaltstack 186
#define SYS_mmap2 192
#define SYS_ftruncate 93
#define SYS_set_thread_area 243
#define SYS_memfd_create 356

#define FLAG_TF 0x100u
#define FLAG_NT 0x4000u
#define FLAG_ID 0x200000u
#define SIGVTALRM 26

static inline int sys6(int n, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f) {
  int r;
  u32 args[2] = {(u32)n, f};
  __asm__ volatile("push %%ebp\n mov 4(%%eax), %%ebp\n mov (%%eax), %%eax\n int $0x80\n pop %%ebp"
                   : "=a"(r)
                   : "a"(args), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
                   : "memory");
  return r;
}
static inline int sys(int n, u32 a, u32 b, u32 c) { return sys6(n, a, b, c, 0, 0, 0); }

void *memcpy(void *to, const void *from, u32 n) {
  u8 *t = to;
  const u8 *f = from;
  __asm__ volatile("rep movsb" : "+D"(t), "+S"(f), "+c"(n) : : "memory");
  return to;
}
void *memset(void *to, int v, u32 n) {
  u8 *t = to;
  __asm__ volatile("rep stosb" : "+D"(t), "+c"(n) : "a"(v) : "memory");
  return to;
}

struct case_header {
  u32 regs[8]; /* eax ecx edx ebx esp ebp esi edi */
  u32 eip, eflags;
  u16 selectors[6]; /* es cs ss ds fs gs */
  u8 code_length, mode;
  u16 steps;
  u8 patch_count, has_fx;
  u16 code_offset; /* where in the code pages the bytes go */
};
struct result_header {
  u32 regs[8];
  u32 eip, eflags;
  u16 selectors[6];
  u8 signo, trapno;
  u16 steps;
  u32 error_code, cr2;
  u16 change_count;
  u8 has_fx, sicode;
};
struct pair {
  u32 address, value;
};

struct mcontext {
  u32 gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, trapno, err, eip, cs, eflags, esp_at_signal, ss;
  u8 *fpstate;
  u32 oldmask, cr2;
};
struct ucontext {
  u32 flags, link, stack[3];
  struct mcontext m;
};

#define IN_SIZE 65536
#define OUT_SIZE 65536
/* The longest records: a case of header, 255 code bytes, 255 patches and an FX image; a result with every doubleword changed. */
#define CASE_MAX (64 + 256 + 255 * 8 + 512)
#define RESULT_MAX (64 + DATA_RW_SIZE / 4 * 8 + 512)

static u8 in[IN_SIZE];
static u32 in_at, in_end, in_eof;
static u8 out[OUT_SIZE];
static u32 out_end;
static u32 base[DATA_SIZE / 4];
static u32 shadow[DATA_RW_SIZE / 4];
static u8 signal_stack[65536] __attribute__((aligned(4096)));
static u8 *code_alias;
static u32 flush_each;

static struct case_header current;
static struct pair patches[255];
static u8 default_fx[512];
static u32 started, steps_done, serial, serial_at_tick;

static void die(u32 code) {
  for (;;) sys(SYS_exit, code, 0, 0);
}

static void flush(void) {
  for (u32 at = 0; at < out_end;) {
    int n = sys(SYS_write, 1, (u32)(out + at), out_end - at);
    if (n <= 0) die(3);
    at += (u32)n;
  }
  out_end = 0;
}

/* Makes at least `n` bytes readable at in + in_at; 0 at the end of the input. */
static int need(u32 n) {
  while (in_end - in_at < n) {
    if (in_eof) return 0;
    if (in_at + CASE_MAX > IN_SIZE) {
      memcpy(in, in + in_at, in_end - in_at);
      in_end -= in_at;
      in_at = 0;
    }
    int got = sys(SYS_read, 0, (u32)(in + in_end), IN_SIZE - in_end);
    if (got < 0) die(4);
    if (got == 0) in_eof = 1;
    in_end += (u32)got;
  }
  return 1;
}

static void take(void *to, u32 n) {
  if (!need(n)) die(5);
  memcpy(to, in + in_at, n);
  in_at += n;
}

static void report(u32 signo, const u32 *siginfo, struct mcontext *m) {
  if (out_end + RESULT_MAX > OUT_SIZE) flush();
  struct result_header *r = (struct result_header *)(out + out_end);
  u32 *regs = r->regs;
  regs[0] = m->eax, regs[1] = m->ecx, regs[2] = m->edx, regs[3] = m->ebx;
  regs[4] = m->esp, regs[5] = m->ebp, regs[6] = m->esi, regs[7] = m->edi;
  r->eip = m->eip, r->eflags = m->eflags;
  r->selectors[0] = m->es, r->selectors[1] = m->cs, r->selectors[2] = m->ss;
  r->selectors[3] = m->ds, r->selectors[4] = m->fs, r->selectors[5] = m->gs;
  r->signo = signo, r->trapno = m->trapno, r->steps = steps_done, r->sicode = (u8)siginfo[2];
  r->error_code = m->err, r->cr2 = m->cr2;
  r->has_fx = current.has_fx;
  struct pair *change = (struct pair *)(r + 1);
  u32 *live = (u32 *)DATA_BASE;
  u32 count = 0;
  for (u32 i = 0; i < DATA_RW_SIZE / 4; i += 4) {
    if (((live[i] ^ shadow[i]) | (live[i + 1] ^ shadow[i + 1]) | (live[i + 2] ^ shadow[i + 2]) | (live[i + 3] ^ shadow[i + 3])) == 0) continue;
    for (u32 j = i; j < i + 4; j++) {
      if (live[j] == shadow[j]) continue;
      change[count].address = DATA_BASE + j * 4;
      change[count].value = live[j];
      count++;
      live[j] = shadow[j];
    }
  }
  r->change_count = (u16)count;
  out_end += sizeof *r + count * sizeof *change;
  if (current.has_fx) {
    memcpy(out + out_end, m->fpstate + 112, 512);
    out_end += 512;
  }
  for (u32 i = 0; i < current.patch_count; i++) {
    u32 at = (patches[i].address - DATA_BASE) / 4;
    live[at] = shadow[at] = base[at];
  }
  memset(code_alias + current.code_offset, 0xcc, current.code_length);
  if (flush_each) flush();
}

/* x87 and SSE come back through two copies in a 32-bit frame: the FNSAVE header (x87) and the FXSAVE image behind it (SSE). */
static void set_fx(u8 *frame, const u8 *fx) {
  u32 *env = (u32 *)frame;
  const u16 *fx16 = (const u16 *)fx;
  u32 tags = 0;
  env[0] = 0xffff0000u | fx16[0];
  env[1] = 0xffff0000u | fx16[1];
  for (u32 i = 0; i < 8; i++) tags |= ((fx[4] >> i) & 1 ? 0u : 3u) << (2 * i);
  env[2] = 0xffff0000u | tags; /* the kernel only asks "empty or not" */
  env[3] = *(const u32 *)(fx + 8);
  env[4] = fx16[6] | (u32)fx16[3] << 16;
  env[5] = *(const u32 *)(fx + 16);
  env[6] = fx16[10];
  for (u32 i = 0; i < 8; i++) memcpy(frame + 28 + 10 * i, fx + 32 + 16 * i, 10);
  memcpy(frame + 112 + 24, fx + 24, 4); /* MXCSR, not its mask */
  memcpy(frame + 112, fx, 24);
  memcpy(frame + 112 + 32, fx + 32, 256);
  *(u32 *)(frame + 112 + 512) |= 3; /* XSTATE_BV: x87 and SSE are in the image */
}

static void next_case(struct mcontext *m) {
  u8 fx[512], padding[4];
  if (!need(sizeof current)) {
    flush();
    die(0);
  }
  take(&current, sizeof current);
  take(code_alias + current.code_offset, current.code_length);
  take(padding, -current.code_length & 3);
  take(patches, current.patch_count * sizeof *patches);
  if (current.has_fx) take(fx, 512);
  for (u32 i = 0; i < current.patch_count; i++) {
    u32 at = (patches[i].address - DATA_BASE) / 4;
    if (at >= DATA_RW_SIZE / 4) die(6);
    ((u32 *)DATA_BASE)[at] = shadow[at] = patches[i].value;
  }
  const u32 *regs = current.regs;
  m->eax = regs[0], m->ecx = regs[1], m->edx = regs[2], m->ebx = regs[3];
  m->esp = regs[4], m->ebp = regs[5], m->esi = regs[6], m->edi = regs[7];
  m->eip = current.eip;
  m->eflags = current.eflags | (current.mode == MODE_STEP ? FLAG_TF : 0);
  m->es = current.selectors[0], m->cs = current.selectors[1], m->ss = current.selectors[2];
  m->ds = current.selectors[3], m->fs = current.selectors[4], m->gs = current.selectors[5];
  m->trapno = m->err = m->cr2 = 0;
  set_fx(m->fpstate, current.has_fx ? fx : default_fx);
  steps_done = 0;
  serial++;
}

/* Returns the flags that sigreturn leaves alone, for the trampoline to set by POPF. */
__attribute__((used)) u32 on_signal(u32 signo, const u32 *siginfo, struct ucontext *uc) {
  struct mcontext *m = &uc->m;
  if (!started) {
    started = 1;
    next_case(m);
    return current.eflags & (FLAG_ID | FLAG_NT);
  }
  if (signo == SIGVTALRM && serial != serial_at_tick) {
    serial_at_tick = serial;
    return m->eflags & (FLAG_ID | FLAG_NT);
  }
  steps_done++;
  if (current.mode == MODE_STEP && m->trapno == 1 && signo == 5 && steps_done < current.steps) return m->eflags & (FLAG_ID | FLAG_NT);
  report(signo, siginfo, m);
  next_case(m);
  return current.eflags & (FLAG_ID | FLAG_NT);
}

/* The handler starts with AC, ID and NT as the case left them. */
__asm__(".globl signal_entry\n"
        "signal_entry:\n pushl $2\n popfl\n jmp on_signal\n"
        ".globl signal_return\n"
        "signal_return:\n pushl %eax\n popfl\n movl $173, %eax\n int $0x80\n ud2\n");
void signal_entry(void);
void signal_return(void);
extern u8 __executable_start[], end[], etext[];

static void handle(u32 signo) {
  struct {
    u32 handler, flags, restorer;
    u64 mask;
  } __attribute__((packed)) action = {(u32)signal_entry, 0x4 | 0x04000000 | 0x08000000, (u32)signal_return, ~0ull};
  if (sys6(SYS_rt_sigaction, signo, (u32)&action, 0, 8, 0, 0) != 0) die(10);
}

struct user_desc {
  u32 entry, base_addr, limit, bits;
};
#define DESC_32BIT 1
#define DESC_EXPAND_DOWN 2
#define DESC_CODE 4
#define DESC_READ_EXEC_ONLY 8
#define DESC_PAGES 16
#define DESC_NOT_PRESENT 32
#define DESC_USEABLE 64

/* The same descriptors stand in ../machine.ts. */
static void set_segments(void) {
  static struct user_desc tls[3] = {
      {12, DATA_BASE, 0x17ff, DESC_32BIT | DESC_USEABLE},
      {13, DATA_BASE, 0x7ff, DESC_32BIT | DESC_EXPAND_DOWN | DESC_USEABLE},
      {14, DATA_BASE, 1, DESC_32BIT | DESC_READ_EXEC_ONLY | DESC_PAGES | DESC_USEABLE},
  };
  static struct user_desc ldt[4] = {
      {0, 0, 0xfffff, DESC_32BIT | DESC_PAGES | DESC_NOT_PRESENT},
      {1, 0, 0xfffff, DESC_32BIT | DESC_PAGES | DESC_CODE | DESC_READ_EXEC_ONLY},
      {2, 0, 0xfffff, DESC_32BIT | DESC_PAGES | DESC_CODE},
      {3, DATA_BASE, 0x7ff, DESC_EXPAND_DOWN},
  };
  for (u32 i = 0; i < 3; i++)
    if (sys(SYS_set_thread_area, (u32)&tls[i], 0, 0) != 0) die(11);
  for (u32 i = 0; i < 4; i++)
    if (sys(SYS_modify_ldt, 0x11, (u32)&ldt[i], sizeof ldt[i]) != 0) die(12);
}

/* A system call from anywhere but the runner's own text, or not by int 0x80, is SIGSYS. */
static void forbid_system_calls(void) {
  struct filter {
    u16 code;
    u8 jt, jf;
    u32 k;
  } filter[] = {
      {0x20, 0, 0, 4},                              /* load arch */
      {0x15, 0, 5, 0x40000003u},                    /* AUDIT_ARCH_I386 */
      {0x20, 0, 0, 12},                             /* load instruction pointer, high half */
      {0x15, 0, 3, 0},                              /* must be 0 */
      {0x20, 0, 0, 8},                              /* low half */
      {0x35, 0, 1, (u32)__executable_start},        /* >= start */
      {0x25, 0, 1, (u32)etext},                     /* > end of text: trap */
      {0x06, 0, 0, 0x00030000u},                    /* trap */
      {0x06, 0, 0, 0x7fff0000u},                    /* allow */
  };
  struct {
    u16 length;
    struct filter *filter;
  } program = {sizeof filter / sizeof *filter, filter};
  if (sys6(SYS_prctl, 38, 1, 0, 0, 0, 0) != 0) die(13);
  if (sys6(SYS_prctl, 22, 2, (u32)&program, 0, 0, 0) != 0) die(14);
}

static u8 *map(u32 at, u32 size, u32 prot, u32 flags, u32 fd) {
  int r = sys6(SYS_mmap2, at, size, prot, flags, fd, 0);
  if ((u32)r > 0xfffff000u) die(15);
  return (u8 *)r;
}

__attribute__((used)) void run(u32 argc) {
  const u32 image = (u32)__executable_start & ~0xfffu, alias = ((u32)end + 0x1fffu) & ~0xfffu;
  /* The signal stack is the only one from here on; see start. */
  flush_each = argc > 1;
  u32 memory = (u32)sys(SYS_memfd_create, (u32) "code", 0, 0);
  if (sys(SYS_ftruncate, memory, CODE_SIZE, 0) != 0) die(16);
  sys(SYS_munmap, 0x10000, image - 0x10000, 0);
  sys(SYS_munmap, alias - 0x1000, 0xffffe000u - (alias - 0x1000), 0);
  code_alias = map(alias, CODE_SIZE, 3, 0x11, memory);
  map(CODE_BASE, CODE_SIZE, 5, 0x11, memory);
  map(DATA_BASE, DATA_SIZE, 3, 0x32, ~0u);
  memset(code_alias, 0xcc, CODE_SIZE);
  take(base, sizeof base);
  memcpy((void *)DATA_BASE, base, sizeof base);
  memcpy(shadow, base, sizeof shadow);
  if (sys(SYS_mprotect, DATA_BASE + DATA_RW_SIZE, DATA_SIZE - DATA_RW_SIZE, 1) != 0) die(17);
  *(u16 *)default_fx = 0x037f;
  *(u32 *)(default_fx + 24) = 0x1f80;
  u32 stack[3] = {(u32)signal_stack, 0, sizeof signal_stack};
  if (sys(SYS_sigaltstack, (u32)stack, 0, 0) != 0) die(18);
  static const u8 signals[] = {4, 5, 7, 8, 11, SIGVTALRM, 31};
  for (u32 i = 0; i < sizeof signals; i++) handle(signals[i]);
  set_segments();
  forbid_system_calls();
  static const u32 timer[4] = {0, 100000, 0, 100000};
  if (sys(SYS_setitimer, 1, (u32)timer, 0) != 0) die(19);
  __asm__ volatile("ud2");
}

static u8 first_stack[16384] __attribute__((used, aligned(16)));
__asm__(".globl _start\n_start:\n movl (%esp), %eax\n movl $first_stack + 16368, %esp\n pushl %eax\n call run\n ud2\n");
