/** si_code of SIGFPE: FreeBSD 9.0 sys/sys/signal.h. */
export const FPE_FLTDIV = 3;
export const FPE_FLTOVF = 4;
export const FPE_FLTUND = 5;
export const FPE_FLTRES = 6;
export const FPE_FLTINV = 7;
export const FPE_FLTSUB = 8;

// x87 status word. Source: Intel SDM Vol. 1, x87 FPU Status Register.
const IE = 0x01;
const DE = 0x02;
const ZE = 0x04;
const OE = 0x08;
const UE = 0x10;
const PE = 0x20;
const SF = 0x40;
const EXCEPTIONS = 0x3f;
const ES_AND_B = 0x8080;

/**
 * #MF: the si_code of the gravest exception that is not masked, a stack fault being FPE_FLTSUB. The exceptions are cleared as by
 * FNCLEX, or whatever runs next could not. Source: FreeBSD 9.0 sys/i386/isa/npx.c, npxtrap and fpetable.
 */
export function takeFloatTrap(fxsave: Uint8Array): number {
  const view = new DataView(fxsave.buffer, fxsave.byteOffset);
  const control = view.getUint16(0, true);
  const status = view.getUint16(2, true);
  view.setUint16(2, status & ~(EXCEPTIONS | SF | ES_AND_B), true);
  const pending = status & ~control & EXCEPTIONS;
  if (pending & IE) return status & SF ? FPE_FLTSUB : FPE_FLTINV;
  if (pending & ZE) return FPE_FLTDIV;
  if (pending & OE) return FPE_FLTOVF;
  if (pending & (UE | DE)) return FPE_FLTUND;
  return pending & PE ? FPE_FLTRES : 0;
}
