import { describe, expect, it } from 'vitest';
import { disassembleBytes } from '../../../emu/isa/disassemble.ts';
import { disassembleAtt } from '../../../emu/isa/disassemble-att.ts';
import { CODE, hex } from '../guest-code.ts';

const text = (code: string): string[] => disassembleBytes(hex(code), CODE).map((line) => line.text);

describe('disassembler', () => {
  it.each([
    ['8b4508', 'mov eax, dword ptr [ebp+0x8]'],
    ['c7448dfc78563412', 'mov dword ptr [ebp+ecx*4-0x4], 0x12345678'],
    ['65a100000000', 'mov eax, dword ptr gs:[0x0]'],
    ['6689c8', 'mov ax, cx'],
    ['f3a5', 'rep movsd'],
    ['f2ae', 'repne scasb'],
    ['f00fb10a', 'lock cmpxchg dword ptr [edx], ecx'],
    ['e8fbffffff', 'call 0x8048000'],
    ['75fe', 'jne 0x8048000'],
    ['9a000000000700', 'callf 0x7:0x0'],
    ['cd80', 'int 0x80'],
    ['98', 'cwde'],
    ['6698', 'cbw'],
    ['0fbe01', 'movsx eax, byte ptr [ecx]'],
    ['678b07', 'mov eax, dword ptr [bx]'],
    ['0f58ca', 'addps xmm1, xmm2'],
    ['f20f5808', 'addsd xmm1, qword ptr [eax]'],
    ['660f6f442410', 'movdqa xmm0, xmmword ptr [esp+0x10]'],
    ['0f6f03', 'movq mm0, qword ptr [ebx]'],
    ['0f12ca', 'movhlps xmm1, xmm2'],
    ['0f1208', 'movlps xmm1, qword ptr [eax]'],
    ['660f70c1e4', 'pshufd xmm0, xmm1, 0xe4'],
    ['660f3a0fc10f', 'palignr xmm0, xmm1, 0xf'],
    ['0faee8', 'lfence'],
    ['0fae38', 'clflush byte ptr [eax]'],
    ['0fae00', 'fxsave [eax]'],
    ['f30f2cc1', 'cvttss2si eax, xmm1'],
    ['f20f5bc1', '(bad)'],
    ['0fff', '(bad)'],
    ['d9e8', 'fld1'],
    ['d9d1', '(bad)'],
    ['d8c1', 'fadd st, st(1)'],
    ['dcc1', 'fadd st(1), st'],
    ['dee9', 'fsubp st(1), st'],
    ['dde2', 'fucom st(2)'],
    ['d94508', 'fld dword ptr [ebp+0x8]'],
    ['dd1c24', 'fstp qword ptr [esp]'],
    ['db2c24', 'fld tbyte ptr [esp]'],
    ['de01', 'fiadd word ptr [ecx]'],
    ['dfe0', 'fnstsw ax'],
    ['dbe9', 'fucomi st, st(1)'],
    ['d97dfe', 'fnstcw word ptr [ebp-0x2]'],
    ['dd31', 'fnsave [ecx]'],
    ['9b', 'fwait'],
  ])('%s is %s', (code, expected) => {
    expect(text(code)[0]).toBe(expected);
  });

  it.each([
    ['8b4508', 'mov 0x8(%ebp),%eax'],
    ['c7448dfc78563412', 'movl $0x12345678,-0x4(%ebp,%ecx,4)'],
    ['65a100000000', 'mov %gs:0x0,%eax'],
    ['83c0ff', 'add $0xffffffff,%eax'],
    ['f3a5', 'rep movsl %ds:(%esi),%es:(%edi)'],
    ['f00fb10a', 'lock cmpxchg %ecx,(%edx)'],
    ['ff5304', 'call *0x4(%ebx)'],
    ['9a000000000700', 'lcall $0x7,$0x0'],
    ['ec', 'in (%dx),%al'],
    ['99', 'cltd'],
    ['0fbe01', 'movsbl (%ecx),%eax'],
    ['dd442408', 'fldl 0x8(%esp)'],
    ['dee9', 'fsubrp %st,%st(1)'],
    ['90', 'nop'],
  ])('%s is %s in AT&T syntax', (code, expected) => {
    expect(disassembleBytes(hex(code), CODE, disassembleAtt)[0]?.text).toBe(expected);
  });
});
