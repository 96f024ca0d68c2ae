/*
 * Process entry. FreeBSD 9.0 starts a static i386 program with esp at argc (only 4-byte aligned), ebx = ps_strings and
 * the other general registers 0. ebp = 0 marks the outermost frame, so that a backtrace ends here.
 */
	.section .note.tag, "a", @note
	.balign 4
	.long 8			/* namesz */
	.long 4			/* descsz */
	.long 1			/* NT_FREEBSD_ABI_TAG */
	.asciz "FreeBSD"
	.long 900044		/* __FreeBSD_version of 9.0-RELEASE */

	.text
	.globl _start
	.type _start, @function
_start:
	xorl	%ebp, %ebp
	movl	%esp, %eax
	andl	$-16, %esp
	subl	$8, %esp
	pushl	%ebx
	pushl	%eax
	call	_start_c
	hlt
	.size _start, . - _start

	.section .note.GNU-stack, "", @progbits
