/* As the stubs of sys/syscalls.S, but an error comes back as its number negated: errno belongs to the whole process. */
#include <sys/syscall.h>

	.macro RAW name, number
	.section .text.\name, "ax", @progbits
	.globl \name
	.type \name, @function
\name:
	movl	$\number, %eax
	int	$0x80
	jnc	1f
	negl	%eax
1:	ret
	.size \name, . - \name
	.endm

	RAW __raw_thr_new, SYS_thr_new
	RAW __raw_thr_exit, SYS_thr_exit
	RAW __raw_thr_self, SYS_thr_self
	RAW __raw_thr_kill, SYS_thr_kill
	RAW __raw_umtx_op, SYS__umtx_op
	RAW __raw_sysarch, SYS_sysarch
