/*
 * System calls by FreeBSD's convention: number in eax, arguments on the stack above the return address, `int $0x80`.
 * Carry set means eax holds an errno. 64-bit arguments are two words without padding and 64-bit results come in
 * edx:eax, which is just how C passes and returns long long on i386, so every stub is the same four instructions.
 */
#include <sys/syscall.h>

	/* In a shared library errno may be the program's copy: the global offset table has its address. */
	.macro SET_ERRNO value
#ifdef __PIC__
	call	1f
1:	popl	%ecx
	addl	$_GLOBAL_OFFSET_TABLE_ + (. - 1b), %ecx
	movl	errno@GOT(%ecx), %ecx
	movl	\value, (%ecx)
#else
	movl	\value, errno
#endif
	.endm

	.macro SYSCALL name, number
	.section .text.\name, "ax", @progbits
	.globl \name
	.type \name, @function
\name:
	movl	$\number, %eax
	int	$0x80
	jc	__syscall_error
	ret
	.size \name, . - \name
	.endm

	SYSCALL _exit, SYS_exit
	SYSCALL fork, SYS_fork
	SYSCALL read, SYS_read
	SYSCALL write, SYS_write
	SYSCALL open, SYS_open
	SYSCALL close, SYS_close
	SYSCALL wait4, SYS_wait4
	SYSCALL link, SYS_link
	SYSCALL unlink, SYS_unlink
	SYSCALL chdir, SYS_chdir
	SYSCALL __break, SYS_break
	SYSCALL getpid, SYS_getpid
	SYSCALL getuid, SYS_getuid
	SYSCALL geteuid, SYS_geteuid
	SYSCALL access, SYS_access
	SYSCALL kill, SYS_kill
	SYSCALL getppid, SYS_getppid
	SYSCALL dup, SYS_dup
	SYSCALL getgid, SYS_getgid
	SYSCALL ioctl, SYS_ioctl
	SYSCALL readlink, SYS_readlink
	SYSCALL execve, SYS_execve
	SYSCALL umask, SYS_umask
	SYSCALL munmap, SYS_munmap
	SYSCALL mprotect, SYS_mprotect
	SYSCALL getpgrp, SYS_getpgrp
	SYSCALL setpgid, SYS_setpgid
	SYSCALL dup2, SYS_dup2
	SYSCALL fcntl, SYS_fcntl
	SYSCALL fsync, SYS_fsync
	SYSCALL setpriority, SYS_setpriority
	SYSCALL __getpriority, SYS_getpriority
	SYSCALL gettimeofday, SYS_gettimeofday
	SYSCALL getrusage, SYS_getrusage
	SYSCALL rename, SYS_rename
	SYSCALL mkdir, SYS_mkdir
	SYSCALL rmdir, SYS_rmdir
	SYSCALL setsid, SYS_setsid
	SYSCALL stat, SYS_stat
	SYSCALL fstat, SYS_fstat
	SYSCALL lstat, SYS_lstat
	SYSCALL getrlimit, SYS_getrlimit
	SYSCALL setrlimit, SYS_setrlimit
	SYSCALL getdirentries, SYS_getdirentries
	SYSCALL sysctl, SYS___sysctl
	SYSCALL clock_gettime, SYS_clock_gettime
	SYSCALL nanosleep, SYS_nanosleep
	SYSCALL __getcwd, SYS___getcwd
	SYSCALL sched_yield, SYS_sched_yield
	SYSCALL sigprocmask, SYS_sigprocmask
	SYSCALL sigsuspend, SYS_sigsuspend
	SYSCALL sigaction, SYS_sigaction
	SYSCALL pread, SYS_pread
	SYSCALL pwrite, SYS_pwrite
	SYSCALL mmap, SYS_mmap
	SYSCALL lseek, SYS_lseek
	SYSCALL ftruncate, SYS_ftruncate
	SYSCALL cpuset, SYS_cpuset
	SYSCALL cpuset_setid, SYS_cpuset_setid
	SYSCALL cpuset_getid, SYS_cpuset_getid
	SYSCALL cpuset_getaffinity, SYS_cpuset_getaffinity
	SYSCALL cpuset_setaffinity, SYS_cpuset_setaffinity
	SYSCALL recvmsg, SYS_recvmsg
	SYSCALL sendmsg, SYS_sendmsg
	SYSCALL accept, SYS_accept
	SYSCALL getsockname, SYS_getsockname
	SYSCALL select, SYS_select
	SYSCALL socket, SYS_socket
	SYSCALL connect, SYS_connect
	SYSCALL bind, SYS_bind
	SYSCALL listen, SYS_listen
	SYSCALL shutdown, SYS_shutdown
	SYSCALL socketpair, SYS_socketpair
	SYSCALL poll, SYS_poll
	SYSCALL kqueue, SYS_kqueue
	SYSCALL kevent, SYS_kevent
	SYSCALL posix_openpt, SYS_posix_openpt
	SYSCALL chmod, SYS_chmod
	SYSCALL recvfrom, SYS_recvfrom
	SYSCALL sigaltstack, SYS_sigaltstack
	SYSCALL symlink, SYS_symlink
	SYSCALL msync, SYS_msync
	SYSCALL mincore, SYS_mincore
	SYSCALL setitimer, SYS_setitimer
	SYSCALL getitimer, SYS_getitimer
	SYSCALL setsockopt, SYS_setsockopt
	SYSCALL readv, SYS_readv
	SYSCALL writev, SYS_writev
	SYSCALL fchmod, SYS_fchmod
	SYSCALL flock, SYS_flock
	SYSCALL mkfifo, SYS_mkfifo
	SYSCALL sendto, SYS_sendto
	SYSCALL rtprio, SYS_rtprio
	SYSCALL getpgid, SYS_getpgid
	SYSCALL shmat, SYS_shmat
	SYSCALL shmdt, SYS_shmdt
	SYSCALL shmget, SYS_shmget
	SYSCALL timer_create, SYS_ktimer_create
	SYSCALL timer_delete, SYS_ktimer_delete
	SYSCALL timer_settime, SYS_ktimer_settime
	SYSCALL timer_gettime, SYS_ktimer_gettime
	SYSCALL timer_getoverrun, SYS_ktimer_getoverrun
	SYSCALL minherit, SYS_minherit
	SYSCALL getsid, SYS_getsid
	SYSCALL sigpending, SYS_sigpending
	SYSCALL sigtimedwait, SYS_sigtimedwait
	SYSCALL sigwaitinfo, SYS_sigwaitinfo
	SYSCALL sigwait, SYS_sigwait
	SYSCALL sigqueue, SYS_sigqueue
	SYSCALL truncate, SYS_truncate
	SYSCALL shm_open, SYS_shm_open
	SYSCALL shm_unlink, SYS_shm_unlink
	SYSCALL linkat, SYS_linkat
	SYSCALL openat, SYS_openat
	SYSCALL renameat, SYS_renameat
	SYSCALL unlinkat, SYS_unlinkat
	SYSCALL shmctl, SYS_shmctl

	/* Every answer of PT_READ_D is a legal one, so only errno can tell an error: clear it first. */
	.section .text.ptrace, "ax", @progbits
	.globl ptrace
	.type ptrace, @function
ptrace:
	SET_ERRNO $0
	movl	$SYS_ptrace, %eax
	int	$0x80
	jc	__syscall_error
	ret
	.size ptrace, . - ptrace

	/* The two descriptors come back in eax and edx. */
	.section .text.pipe, "ax", @progbits
	.globl pipe
	.type pipe, @function
pipe:
	movl	$SYS_pipe, %eax
	int	$0x80
	jc	__syscall_error
	movl	4(%esp), %ecx
	movl	%eax, (%ecx)
	movl	%edx, 4(%ecx)
	xorl	%eax, %eax
	ret
	.size pipe, . - pipe

	/* The child runs on its parent's stack and returns first: the return address waits in a register. */
	.section .text.vfork, "ax", @progbits
	.globl vfork
	.type vfork, @function
vfork:
	popl	%ecx
	movl	$SYS_vfork, %eax
	int	$0x80
	jc	1f
	jmp	*%ecx
1:	pushl	%ecx
	jmp	__syscall_error
	.size vfork, . - vfork

	.section .text.__syscall_error, "ax", @progbits
	.type __syscall_error, @function
__syscall_error:
	SET_ERRNO %eax
	movl	$-1, %eax
	movl	$-1, %edx
	ret
	.size __syscall_error, . - __syscall_error

	.section .note.GNU-stack, "", @progbits
