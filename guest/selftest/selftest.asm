; The self-test of a core: no loops, no branches, no register that is trusted before it is tested. Every value that is looked at goes to
; RESULTS by an absolute address; the kernel compares that page, and the registers at the end, with what a sound core leaves there.
; Built by scripts/build-selftest.ts, which also runs it natively (NATIVE) to learn what a sound core leaves there.
;
; Stuck register bits: each register holds 0x55555555 and 0xAAAAAAAA, EFLAGS all bits that user mode can set, and none.
; Wrong adder, multiplier, shifter: every result bit is 0 and 1 in the course of it, in each of the instructions that use the unit.

BITS 32
%ifndef NATIVE
org CODE
%endif

%assign slot 0
%macro keep 1
  mov [RESULTS + 4 * slot], %1
  %assign slot slot + 1
%endmacro

%macro bits_of 1
  mov %1, 0x55555555
  keep %1
  mov %1, 0xAAAAAAAA
  keep %1
%endmacro

%macro keep_flags 0
  pushfd
  pop ecx
  keep ecx
%endmacro

global start
section .text
start:
  bits_of eax
  bits_of ecx
  bits_of edx
  bits_of ebx
  bits_of ebp
  bits_of esi
  bits_of edi
  bits_of esp
  mov esp, STACK_TOP

  ; EFLAGS: CF PF AF ZF SF DF OF NT AC ID as ones (TF: at the end), then as zeros.
  push dword 0x00244CD5
  popfd
  pushfd
  pop eax
  push dword 0
  popfd
  keep eax
  keep_flags

  ; The adder: all ones and all zeros out of each of its instructions.
  mov eax, 0x55555555
  add eax, 0xAAAAAAAA
  keep eax
  keep_flags
  add eax, 1
  keep eax
  keep_flags
  sub eax, 1
  keep eax
  sub eax, 0xFFFFFFFF
  keep eax
  mov edx, 0xFFFFFFFE
  inc edx
  keep edx
  inc edx
  keep edx
  dec edx
  keep edx
  mov edx, 1
  dec edx
  keep edx
  neg edx
  keep edx
  mov edx, 1
  neg edx
  keep edx
  stc
  mov edx, 0x55555555
  adc edx, 0xAAAAAAA9
  keep edx
  adc edx, 1
  keep edx
  stc
  sbb edx, 0
  keep edx
  clc
  sbb edx, 0xFFFFFFFF
  keep edx
  mov edx, 0x0F0F0F0F
  mov ebx, 0xF0F0F0F0
  xadd edx, ebx
  keep edx
  keep ebx
  mov ebx, 1
  xadd edx, ebx
  keep edx
  cmp edx, 0
  keep_flags
  cmp edx, 1
  keep_flags

  ; The multiplier, 64 bits: of its products each bit is 1 once, and 0 once.
  mov eax, 0xFFFFFFFF
  mov ebx, 0xFFFFFFFF
  mul ebx
  keep eax
  keep edx
  mov eax, 0x55555555
  mov ebx, 3
  mul ebx
  keep eax
  keep edx
  mov eax, 0x80000000
  mov ebx, 2
  mul ebx
  keep eax
  keep edx
  mov eax, 0
  mul ebx
  keep eax
  keep edx
  mov eax, 0x55555555
  mov ebx, 0xFFFFFFFD
  imul ebx
  keep eax
  keep edx
  mov eax, -1
  mov ebx, 1
  imul ebx
  keep eax
  keep edx
  imul ebx, 0
  keep ebx
  imul edx, edx, -1
  keep edx

  ; The shifter.
  mov eax, 0xFFFFFFFF
  sar eax, 1
  keep eax
  rol eax, 7
  keep eax
  ror eax, 9
  keep eax
  stc
  rcl eax, 1
  keep eax
  stc
  rcr eax, 1
  keep eax
  mov edx, 0xFFFFFFFF
  shld eax, edx, 5
  keep eax
  shrd eax, edx, 5
  keep eax
  mov cl, 1
  shl eax, cl
  keep eax
  mov eax, 0xFFFFFFFF
  shr eax, cl
  keep eax
  mov eax, 0
  shl eax, 1
  keep eax
  shr eax, 1
  keep eax
  sar eax, cl
  keep eax
  rol eax, 3
  keep eax
  ror eax, 3
  keep eax
  clc
  rcl eax, 1
  keep eax
  clc
  rcr eax, 1
  keep eax
  mov edx, 0
  shld eax, edx, 5
  keep eax
  shrd eax, edx, 5
  keep eax

  ; The end: registers that the kernel compares as well, then the trap flag, which has to stop the core behind the next instruction.
  mov eax, 0x01234567
  mov ecx, 0x89ABCDEF
  mov edx, 0xFEDCBA98
  mov ebx, 0x76543210
  mov ebp, 0x0F1E2D3C
  mov esi, 0x4B5A6978
  mov edi, 0x8796A5B4
%ifdef NATIVE
  mov eax, 4                ; write(1, RESULTS, 4 * slot)
  mov ebx, 1
  mov ecx, RESULTS
  mov edx, 4 * slot
  int 0x80
  mov eax, 1                ; exit(0)
  mov ebx, 0
  int 0x80
%else
  push dword 0x100
  popfd
  nop
  int3
%endif

%ifdef NATIVE
section .bss
results: resb 4096
stack: resb 4096
stack_top:
%endif
