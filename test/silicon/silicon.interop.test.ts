import { describe, expect, it } from 'vitest';
import { LATER_EXTENSIONS } from '../../scripts/sdm-instructions.ts';
import { Campaign } from './campaign.ts';
import { contenders } from './contenders.ts';
import { enumerateByteOperations } from './enumerate.ts';
import { SiliconOracle } from './oracle.ts';
import { type Case, CODE_BASE, caseFromHex, caseToHex, DATA_BASE, MODE_RUN, type Outcome } from './protocol.ts';
import { coverage, formatFindings } from './report.ts';
import { refusedRows, sequenceRows, testedRows, vectorSequenceRows, x87SequenceRows } from './rows.ts';

const SEED = 1;
const CASES_PER_ROW = 200;
const SEQUENCE_COUNT = 5000;
const replay = process.env.SILICON_CASE;
const wanted = process.env.COREBACK_INTEROP === '1' || replay !== undefined;

function plainCase(code: number[], changes: Partial<Case> = {}): Case {
  return {
    regs: Uint32Array.of(7, 3, 0, 5, DATA_BASE + 0x1000, 0, 0, 0),
    eip: CODE_BASE + 0x100,
    eflags: 0x202,
    selectors: Uint16Array.of(0x2b, 0x23, 0x2b, 0x2b, 0x63, 0x6b),
    code: Uint8Array.from(code),
    mode: 0,
    steps: 1,
    patches: [],
    fx: null,
    ...changes,
  };
}

describe.runIf(wanted && replay === undefined)('the runner on the real CPU', () => {
  it('reports registers, flags, memory and exceptions of one instruction', () => {
    const [add, divide, fault, push, call, selector] = new SiliconOracle().run([
      plainCase([0x01, 0xc8]),
      plainCase([0xf7, 0xf2]),
      plainCase([0xc7, 0x05, 0x00, 0x20, 0x00, 0x20, 0, 0, 0, 0]),
      plainCase([0x50]),
      plainCase([0xcd, 0x80], { mode: MODE_RUN }),
      plainCase([0x8e, 0xc3]),
    ]);
    expect(add).toMatchObject({ vector: 1, eip: CODE_BASE + 0x102, retired: 1 });
    expect(add!.regs[0]).toBe(10);
    expect(divide).toMatchObject({ vector: 0, eip: CODE_BASE + 0x100, retired: 0 });
    expect(fault).toMatchObject({ vector: 14, errorCode: 7, cr2: DATA_BASE + 0x2000 });
    expect(push!.changes).toEqual([{ address: DATA_BASE + 0xffc, value: 7 }]);
    expect(call).toMatchObject({ vector: 0x80, eip: CODE_BASE + 0x102 });
    expect(selector).toMatchObject({ vector: 11, errorCode: 4 });
  });

  it('loads and reports x87 and SSE registers', () => {
    const fx = new Uint8Array(512);
    const view = new DataView(fx.buffer);
    view.setUint16(0, 0x127f, true);
    view.setUint16(2, 7 << 11, true);
    view.setUint8(4, 0x80);
    view.setUint32(24, 0x1f80, true);
    fx.set([0, 0, 0, 0, 0, 0, 0, 0xc0, 0xff, 0x3f], 32); // ST(0) = 1.5
    view.setFloat32(160, 1.5, true);
    view.setFloat32(176, 2.25, true);
    const [fadd, addps] = new SiliconOracle().run([
      plainCase([0xd8, 0xc0], { fx }),
      plainCase([0x0f, 0x58, 0xc1], { fx }),
    ]);
    expect([...fadd!.fx!.slice(32, 42)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0xc0, 0x00, 0x40]);
    expect([...fadd!.fx!.slice(0, 5)]).toEqual([0x7f, 0x12, 0x00, 0x38, 0x80]);
    expect(new DataView(addps!.fx!.buffer).getFloat32(160, true)).toBe(3.75);
  });

  it('lets time go on between two RDTSC, as ours does', () => {
    // rdtsc; mov ebx, eax; mov ecx, edx; mov esi, 1000; dec esi; jnz -3; rdtsc; sub eax, ebx; sbb edx, ecx
    const code = '0f31 89c3 89d1 bee8030000 4e 75fd 0f31 29d8 19ca'.match(/[0-9a-f]{2}/g)!;
    const c = plainCase(
      code.map((byte) => Number.parseInt(byte, 16)),
      { mode: MODE_RUN },
    );
    const passed = ({ regs }: Outcome): number => regs[2]! * 2 ** 32 + regs[0]!;
    const [native] = new SiliconOracle().run([c]);
    expect(passed(native!)).toBeGreaterThan(0);
    expect(passed(native!)).toBeLessThan(2 ** 40);
    // An instruction is a cycle.
    expect(contenders().map(({ machine }) => passed(machine.run(c, false)))).toEqual([2004, 2004, 2004]);
  });

  it('outlives a case that never ends', () => {
    const outcomes = new SiliconOracle().run([plainCase([0xeb, 0xfe], { mode: MODE_RUN }), plainCase([0x90])]);
    expect(outcomes.map((o) => o.vector)).toEqual([0x100, 1]);
  });

  it('reads a case back from its replay line', () => {
    const c = plainCase([0x90], { patches: [{ address: DATA_BASE, value: 0xfedcba98 }] });
    expect(caseFromHex(caseToHex(c))).toEqual(c);
  });
});

describe.runIf(wanted)('the interpreter does what the real CPU does', () => {
  // Built when a test asks for it: elsewhere there may be no compiler.
  const newCampaign = (): Campaign => new Campaign(new SiliconOracle(), contenders());

  if (replay !== undefined)
    it('in the case of SILICON_CASE', () => {
      const campaign = newCampaign();
      campaign.tryCases([caseFromHex(replay!)]);
      expect(formatFindings(campaign, [...campaign.findings.values()])).toBe('');
    });

  it.runIf(replay === undefined)(`in ${CASES_PER_ROW} cases of each row, seed ${SEED}`, { timeout: 300_000 }, () => {
    const campaign = newCampaign();
    campaign.tryRows(testedRows, CASES_PER_ROW, SEED);
    expect(formatFindings(campaign, [...campaign.findings.values()])).toBe('');
    // The oracle is only as good as its cases: every row that user mode may execute was carried out, not only refused.
    expect(coverage(campaign).missing).toEqual([]);
    expect(refusedRows.filter(({ name }) => campaign.completed.has(name))).toEqual([]);
  });

  it.runIf(replay === undefined)('at every opcode, but for those that docs/isa.md names', { timeout: 300_000 }, () => {
    const campaign = newCampaign();
    const opcodes = Array.from({ length: 256 }, (_, i) => i);
    campaign.tryOpcodes([...opcodes, ...opcodes.map((n) => 0x0f00 | n)], 40, SEED);
    expect(formatFindings(campaign, [...campaign.findings.values()])).toBe('');
    const named = new Set(LATER_EXTENSIONS.flatMap((extension) => extension.opcodes));
    expect([...campaign.missing.keys()].filter((opcode) => !named.has(opcode))).toEqual([]);
  });

  it.runIf(replay === undefined)('in all 8-bit operations with all operands', { timeout: 300_000 }, () => {
    const campaign = newCampaign();
    campaign.tryCases(enumerateByteOperations());
    expect(formatFindings(campaign, [...campaign.findings.values()])).toBe('');
  });

  it.runIf(replay === undefined)(
    `in ${SEQUENCE_COUNT} runs of instructions, seed ${SEED}`,
    { timeout: 300_000 },
    () => {
      const campaign = newCampaign();
      campaign.trySequences(sequenceRows, SEQUENCE_COUNT, SEED);
      campaign.trySequences(vectorSequenceRows, SEQUENCE_COUNT, SEED, true);
      campaign.trySequences([...sequenceRows, ...x87SequenceRows], SEQUENCE_COUNT, SEED + 1);
      expect(formatFindings(campaign, [...campaign.findings.values()])).toBe('');
    },
  );
});
