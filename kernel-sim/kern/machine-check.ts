import { type FaultReport, reportDetection } from './fault-report.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { faultInterrupt } from './recovery.ts';

/** MCi_STATUS (Intel SDM Vol. 3, Machine-Check Architecture): it is valid; not corrected; MCi_ADDR is valid; the processor's context is corrupt. */
const VAL = 1n << 63n;
const UC = 1n << 61n;
const ADDRV = 1n << 58n;
const PCC = 1n << 57n;

/** What a bank says, in hexadecimal; `address` is empty when the fault gave none. */
export interface MachineCheckBank {
  readonly status: string;
  readonly address: string;
}

const numberOf = (hex: string): bigint => BigInt(`0x${hex.replace(/^0x/, '')}`);

/**
 * A machine check of `core`. An error that the hardware has corrected is only reported. Any other is a transient fault, and so is one
 * about which the status register has nothing valid to say. Where the context is good and the bank has an address, all that is corrupt
 * is the page there, an address of the process that the core runs (Differs: a linear one; MCi_ADDR is a physical address).
 */
export function machineCheck(k: Kernel, core: KernelCore, bank: MachineCheckBank, noticedNs: number): void {
  const status = numberOf(bank.status);
  const report: FaultReport = { core, by: 'machine-check', permanent: false, noticedNs };
  if ((status & VAL) !== 0n && (status & UC) === 0n) {
    reportDetection(k, report);
    return;
  }
  const isKnown = (status & VAL) !== 0n && (status & ADDRV) !== 0n && (status & PCC) === 0n && bank.address !== '';
  faultInterrupt(k, isKnown ? { ...report, corruptAddress: Number(numberOf(bank.address)) } : report);
}
