import { signalName } from '../../kernel-sim/abi/signal.ts';
import { byteSize, coreRanges, counted, duration, grouped, shortMoment } from '../report/format.ts';
import type { ProcessResult, RunResult } from '../result.ts';

/** A run in a few lines for a terminal. */
export function summaryLines(result: RunResult): string {
  const lines = [
    `${result.outcome}: ${shortMoment(result.virtualNs)} of virtual time, ${grouped(result.instructions)} instructions, ${counted(result.checkpoints.length, 'checkpoint')}${checkpointSize(result)}`,
  ];
  if (result.stop.reason !== 'finished') lines.push(`stopped: ${result.stop.reason}: ${result.stop.detail}`);
  for (const fault of result.faults) {
    const found =
      fault.detectedAtNs === undefined ? 'never noticed' : `noticed after ${duration(fault.detectedAtNs - fault.atNs)}`;
    const back =
      fault.recoveredAtNs === undefined ? '' : `, everything back after ${duration(fault.recoveredAtNs - fault.atNs)}`;
    lines.push(
      `core ${fault.core} failed (${fault.kind}) at ${shortMoment(fault.atNs)} (instruction ${grouped(fault.atInstruction)}), ${found}${back}`,
    );
  }
  for (const row of result.processes) if (row.name !== 'restart' || row.ppid !== 1) lines.push(processLine(row));
  lines.push(`digest ${result.digest}`);
  return `${lines.join('\n')}\n`;
}

function processLine(row: ProcessResult): string {
  const ending =
    row.signal === undefined ? (row.exit === undefined ? 'still alive' : `exit ${row.exit}`) : signalName(row.signal);
  const nice = row.nice === 0 ? '' : `, nice ${row.nice}`;
  return `  ${row.name}[${row.pid}]: ${ending}, ran on ${coreRanges(row.cpusUsed)}${nice}`;
}

function checkpointSize(result: RunResult): string {
  if (result.checkpoints.length === 0) return '';
  const bytes = result.checkpoints.reduce((sum, checkpoint) => sum + checkpoint.bytes, 0);
  return ` (${byteSize(bytes)})`;
}
