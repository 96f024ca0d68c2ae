import { parquetWriteBuffer } from 'hyparquet-writer';
import { describeFault } from '../../emu/faults/describe.ts';
import { targetName } from './fault-space.ts';
import type { InjectionRecord } from './records.ts';

/** The records as one Parquet table, a row for each injection; times in virtual ns. */
export function recordsParquet(records: readonly InjectionRecord[]): Uint8Array {
  const strings = (of: (record: InjectionRecord) => string): string[] => records.map(of);
  const integers = (of: (record: InjectionRecord) => number | undefined): (bigint | null)[] =>
    records.map((record) => {
      const value = of(record);
      return value === undefined ? null : BigInt(value);
    });
  const instructionOf = ({ fault: { trigger } }: InjectionRecord): number | undefined =>
    trigger.at === 'instruction' ? trigger.instruction : undefined;
  const coreOf = ({ fault: { trigger } }: InjectionRecord): number | undefined =>
    'core' in trigger ? trigger.core : undefined;
  const bitOf = ({ fault }: InjectionRecord): number | undefined => ('bit' in fault ? fault.bit : undefined);
  const buffer = parquetWriteBuffer({
    columnData: [
      { name: 'id', data: integers(({ id }) => id), type: 'INT64' },
      { name: 'entry', data: integers(({ entry }) => entry), type: 'INT64' },
      { name: 'number', data: integers(({ number }) => number), type: 'INT64' },
      { name: 'policy', data: strings(({ policy }) => policy), type: 'STRING' },
      { name: 'model', data: strings(({ fault }) => fault.model), type: 'STRING' },
      { name: 'target', data: strings(({ fault }) => targetName(fault)), type: 'STRING' },
      { name: 'bit', data: integers(bitOf), type: 'INT64' },
      { name: 'core', data: integers(coreOf), type: 'INT64' },
      { name: 'instruction', data: integers(instructionOf), type: 'INT64' },
      { name: 'fault', data: strings(({ fault }) => describeFault(fault)), type: 'STRING' },
      { name: 'weight', data: integers(({ weight }) => weight), type: 'INT64' },
      { name: 'outcome', data: strings(({ outcome }) => outcome), type: 'STRING' },
      { name: 'detected_by', data: records.map(({ detectedBy }) => detectedBy ?? null), type: 'STRING' },
      { name: 'latency_ns', data: integers(({ latencyNs }) => latencyNs), type: 'INT64' },
      {
        name: 'latency_instructions',
        data: integers(({ latencyInstructions }) => latencyInstructions),
        type: 'INT64',
      },
      { name: 'lost_ns', data: integers(({ lostNs }) => lostNs), type: 'INT64' },
      { name: 'rollbacks', data: integers(({ rollbacks }) => rollbacks), type: 'INT64' },
      { name: 'end_ns', data: integers(({ endNs }) => endNs), type: 'INT64' },
      { name: 'digest', data: strings(({ digest }) => digest), type: 'STRING' },
    ],
  });
  return new Uint8Array(buffer);
}
