import { describe, expect, it } from 'vitest';
import { type CoreState, EFLAGS, EIP, FLAG_AF, FLAG_CF, FLAG_OF, FLAG_PF } from '../../emu/core/core-state.ts';
import { type Engine, type EngineExit, EXIT_BUDGET } from '../../emu/core/engine.ts';
import { adc } from '../../emu/interp/exec-alu.ts';
import { xadd } from '../../emu/interp/exec-move.ts';
import { shl } from '../../emu/interp/exec-shift.ts';
import { decodeFlat } from '../../emu/interp/fetch.ts';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import type { Insn } from '../../emu/isa/insn.ts';
import type { Exec } from '../../emu/isa/row.ts';
import type { AddressSpace } from '../../emu/memory/address-space.ts';
import { Campaign } from './campaign.ts';
import { EmulatedMachine } from './machine.ts';
import { SiliconOracle } from './oracle.ts';
import { formatFindings } from './report.ts';
import { lengthsOfCode, rowOfCode, sequenceRows, testedRows } from './rows.ts';

// Who watches the harness: an interpreter with one wrong flag in one handler must be found out, and the report must say which.

/** One flag that one handler gets wrong, always or under a condition. */
interface Bug {
  readonly name: string;
  readonly exec: Exec;
  readonly mnemonic: string;
  readonly flag: number;
  readonly when: (insn: Insn, eflagsBefore: number) => boolean;
}

const BUGS: readonly Bug[] = [
  {
    name: "ADC's AF is wrong when CF was set",
    exec: adc,
    mnemonic: 'ADC',
    flag: FLAG_AF,
    when: (_, before) => (before & FLAG_CF) !== 0,
  },
  {
    name: "SHL's OF is wrong for a shift by 1",
    exec: shl,
    mnemonic: 'SHL|SAL',
    flag: FLAG_OF,
    when: ({ row }) => row.operands[1] === '1',
  },
  {
    name: "XADD's PF is wrong for words",
    exec: xadd,
    mnemonic: 'XADD',
    flag: FLAG_PF,
    when: ({ operandSize, row }) => operandSize === 2 && row.operands[0] === 'Ev',
  },
];

/** The interpreter, one instruction at a time, with the bug put into its results. Production code knows nothing of it. */
class BuggyInterpreter implements Engine {
  readonly name = 'buggy';
  private readonly inner = new Interpreter({ fast: false });
  private readonly bug: Bug;

  constructor(bug: Bug) {
    this.bug = bug;
  }

  run(core: CoreState, space: AddressSpace, budget: number): EngineExit {
    const { i32, tscBase } = core;
    let exit: EngineExit = EXIT_BUDGET;
    let retired = 0;
    while (retired < budget && exit === EXIT_BUDGET) {
      const before = i32[EFLAGS];
      const insn = decodeFlat(space, i32[EIP]);
      core.tscBase = tscBase + retired;
      exit = this.inner.run(core, space, 1);
      retired += core.retired;
      const isBuggy = core.retired === 1 && insn?.row.exec === this.bug.exec;
      if (isBuggy && this.bug.when(insn, before)) i32[EFLAGS] ^= this.bug.flag;
    }
    core.tscBase = tscBase;
    core.retired = retired;
    return exit;
  }
}

const MINUTE_MS = 60_000;

describe.each(BUGS)('$name', (bug) => {
  const newCampaign = (): Campaign => {
    return new Campaign(new SiliconOracle(), [
      { name: 'buggy', machine: new EmulatedMachine(new BuggyInterpreter(bug)) },
    ]);
  };

  it('is found by the cases of the rows, and nothing else is', { timeout: MINUTE_MS }, () => {
    const campaign = newCampaign();
    campaign.tryRows(testedRows, 20, 1);
    const findings = [...campaign.findings.values()];
    expect(findings.length).toBeGreaterThan(0);
    for (const { first } of findings)
      expect(rowOfCode(first.case.code)?.mnemonic).toMatch(new RegExp(`^(?:${bug.mnemonic})$`));
  });

  it('is found in runs of instructions and shrunk to one', { timeout: MINUTE_MS }, () => {
    const campaign = newCampaign();
    for (let seed = 1; campaign.findings.size === 0; seed++) campaign.trySequences(sequenceRows, 1000, seed);
    const findings = [...campaign.findings.values()].slice(0, 5);
    for (const { first } of findings) {
      expect(lengthsOfCode(first.case.code).length).toBeGreaterThan(1);
      const { code } = campaign.shrink(first).case;
      expect(lengthsOfCode(code)).toHaveLength(1);
      expect(rowOfCode(code)?.mnemonic).toMatch(new RegExp(`^(?:${bug.mnemonic})$`));
    }
    // The report has the line that replays it.
    expect(formatFindings(campaign, findings.slice(0, 1))).toMatch(/SILICON_CASE=[0-9a-f]+ /);
  });
});
