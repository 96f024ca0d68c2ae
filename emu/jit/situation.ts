/** How a core is when a translation is made. What the translation takes for granted of it is checked where control comes in. */
export interface Situation {
  /** TOP and the filled registers of the x87 (x87-state.ts). */
  readonly x87Shape: number;
  /** EBP points into the stack. Only a guess is made of it, of where accesses go. */
  readonly hasFrame: boolean;
  /** "Inexact" is masked and set already, so that it is no news when an operation raises it: in MXCSR, with rounding to nearest; in the x87. */
  readonly sseInexactIsOld: boolean;
  readonly x87InexactIsOld: boolean;
  /** Both cases of that come up again and again: the translation is to be good for either. */
  readonly roundingChanges: boolean;
}

/** Whether code for a situation takes "inexact" to be masked and set already, as far as it uses MXCSR and the x87. */
export function takesInexactAsOld(situation: Situation, code: { usesMxcsr: boolean; usesX87: boolean }): boolean {
  if (situation.roundingChanges) return false;
  return (situation.sseInexactIsOld || !code.usesMxcsr) && (situation.x87InexactIsOld || !code.usesX87);
}
