/*
 * Lets the machine's real CPU judge the interpreter: npm run test:silicon -- --cases-per-row 1000 --seed 1
 *   --cases-per-opcode N   every one- and two-byte opcode with random bytes behind (finds missing rows)
 *   --sequences N          runs of 2 to 16 instructions, a quarter of them in a loop
 *   --debug-cases N      runs of instructions with breakpoints in debug registers
 *   --only REGEX           rows by name; "sequence", "bytes" and "debug" name the other kinds
 *   --report FILE          findings go there; --rows prints how often each row was carried out
 * Exit code 1 when something differs. Replay: the line SILICON_CASE=... of a finding.
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { Interpreter } from '../../emu/interp/interpreter.ts';
import { Campaign } from './campaign.ts';
import { contenders } from './contenders.ts';
import { compareDebugRegisters, hasDebugRegisters, JUSTIFIED_DEBUG } from './debug-registers.ts';
import { enumerateByteOperations } from './enumerate.ts';
import { HOST_OWN } from './host-own.ts';
import { JUSTIFIED } from './justified.ts';
import { SiliconOracle } from './oracle.ts';
import { coverage, formatFindings } from './report.ts';
import { sequenceRows, testedRows, vectorSequenceRows, x87SequenceRows } from './rows.ts';

const { values } = parseArgs({
  options: {
    'cases-per-row': { type: 'string', default: '1000' },
    'cases-per-opcode': { type: 'string', default: '200' },
    sequences: { type: 'string', default: '20000' },
    'debug-cases': { type: 'string', default: '20000' },
    seed: { type: 'string', default: '1' },
    only: { type: 'string' },
    report: { type: 'string' },
    'findings-max': { type: 'string', default: '60' },
    rows: { type: 'boolean', default: false },
  },
});

const started = performance.now();
const seed = Number(values.seed);
const campaign = new Campaign(new SiliconOracle(), contenders());
const wanted = values.only ? new RegExp(values.only, 'i') : /./;
const rows = testedRows.filter((row) => wanted.test(row.name));
campaign.tryRows(rows, Number(values['cases-per-row']), seed);
const rowCases = campaign.cases;
if (!values.only) {
  const opcodes = Array.from({ length: 256 }, (_, i) => i);
  campaign.tryOpcodes([...opcodes, ...opcodes.map((n) => 0x0f00 | n)], Number(values['cases-per-opcode']), seed);
}
const opcodeCases = campaign.cases - rowCases;
if (!values.only || wanted.test('sequence')) {
  campaign.trySequences(sequenceRows, Number(values.sequences), seed);
  campaign.trySequences(vectorSequenceRows, Number(values.sequences), seed, true);
}
if (!values.only || wanted.test('x87 sequence'))
  campaign.trySequences([...sequenceRows, ...x87SequenceRows], Number(values.sequences), seed + 1);
const sequenceCases = campaign.cases - rowCases - opcodeCases;
if (!values.only || wanted.test('bytes')) campaign.tryCases(enumerateByteOperations());
const byteCases = campaign.cases - rowCases - opcodeCases - sequenceCases;
const debug =
  !values.only || wanted.test('debug')
    ? hasDebugRegisters()
      ? compareDebugRegisters(Number(values['debug-cases']), seed, new Interpreter())
      : 'debug registers: not judged, this machine has none to set'
    : null;
const findings = [...campaign.findings.values()].sort((a, b) => b.count - a.count);
const seconds = (performance.now() - started) / 1000;
const summary = [
  `seed ${seed}: ${rows.length} rows, ${rowCases} cases by row, ${opcodeCases} by opcode, ${sequenceCases} sequences, ${byteCases} that enumerate 8-bit operands, ${seconds.toFixed(1)} s`,
  `${findings.reduce((n, f) => n + f.count, 0)} mismatches of ${findings.length} kinds`,
].join('\n');
const details = formatFindings(campaign, findings.slice(0, Number(values['findings-max'])));
const missing = [...campaign.missing.keys()].sort((a, b) => a - b).map((n) => n.toString(16).padStart(2, '0'));
const missingLine =
  missing.length > 0 ? `opcodes of the real CPU without a row (in some form): ${missing.join(' ')}` : '';
const list = findings.map((f) => `${String(f.count).padStart(7)}  ${f.signature}`).join('\n');
if (values.report) writeFileSync(values.report, `${summary}\n${missingLine}\n\n${list}\n\n${details}\n`);
else console.log(details);
console.log(list);
if (values.rows)
  for (const row of rows)
    console.log(`${String(campaign.completed.get(row.name) ?? 0).padStart(7)} completed  ${row.name}`);
console.log("compared but for what is each machine's own:");
for (const { mnemonics, part, instead } of HOST_OWN) console.log(`  ${mnemonics}: not ${part}; instead, ${instead}`);
console.log('justified differences:');
for (const { name, reason } of JUSTIFIED) console.log(`  ${name}: ${reason}`);
console.log(missingLine);
const { text, missing: uncovered } = coverage(campaign);
console.log(text);
if (!values.only && uncovered.length > 0) console.log(`rows that were never carried out: ${uncovered.join('; ')}`);
if (typeof debug === 'string') console.log(debug);
else if (debug !== null) {
  const { cases, exceptions, justified, differences } = debug;
  for (const line of differences.slice(0, 20)) console.log(line);
  console.log(
    `debug registers: ${cases} cases, ${exceptions} debug exceptions, ${differences.length} mismatches, ${justified} justified:`,
  );
  for (const { name, reason } of JUSTIFIED_DEBUG) console.log(`  ${name}: ${reason}`);
  if (differences.length > 0) process.exitCode = 1;
}
console.log(summary);
if (findings.length > 0 || (!values.only && uncovered.length > 0)) process.exitCode = 1;
