/*
 * Where the kernel begins a dynamic program: esp at argc, the other registers as for a static one. The program finds them the same; what
 * it is to call at its end, by convention in edx, is nothing.
 */
	.text
	.globl _start
	.hidden _start
	.type _start, @function
_start:
	movl	%esp, %eax
	xorl	%ebp, %ebp
	pushl	%eax
	call	rtld
	addl	$4, %esp
	xorl	%edx, %edx
	jmp	*%eax
	.size _start, . - _start

	.section .note.GNU-stack, "", @progbits
