// Status word. Source: Intel SDM Vol. 1, x87 FPU Status Register.
export const IE = 0x01;
export const DE = 0x02;
export const ZE = 0x04;
export const OE = 0x08;
export const UE = 0x10;
export const PE = 0x20;
/** Stack fault. */
export const SF = 0x40;
/** Error summary: an unmasked exception is pending. */
export const ES = 0x80;
export const C0 = 0x100;
export const C1 = 0x200;
export const C2 = 0x400;
export const C3 = 0x4000;
/** Busy: equal to ES. */
export const BUSY = 0x8000;
export const EXCEPTIONS = 0x3f;

/** Rounding control. */
export const TO_NEAREST = 0;
export const DOWN = 1;
export const UP = 2;
export const TO_ZERO = 3;

/**
 * What an operation is told (rounding, precision, masks) and what it tells (exceptions, C1). An operation that meets an unmasked
 * IE, DE or ZE stops there and leaves no result: `stopped`. OE, UE and PE come with a result.
 */
export class FloatEnvironment {
  rounding = TO_NEAREST;
  /** Bits of the significand that results of basic arithmetic are rounded to: 24, 53 or 64. */
  precision = 64;
  /** Exceptions that have no mask set: what would interrupt. */
  unmasked = 0;
  /** IE .. PE, SF, C1 (rounded away from zero) of the operation. */
  raised = 0;

  setControl(control: number): void {
    this.rounding = (control >> 10) & 3;
    const precision = (control >> 8) & 3;
    this.precision = precision === 0 ? 24 : precision === 2 ? 53 : 64;
    this.unmasked = ~control & EXCEPTIONS;
  }

  /** Returns whether the operation must stop, because of this or what came before. */
  raise(exceptions: number): boolean {
    this.raised |= exceptions;
    return this.stopped;
  }

  get stopped(): boolean {
    return (this.raised & this.unmasked & (IE | DE | ZE)) !== 0;
  }
}
