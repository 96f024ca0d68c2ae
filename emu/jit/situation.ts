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

/** What code takes "inexact" to be, and what is to be found out at its entries: masked and set already, or not; or either. */
export type Inexactness = 'old' | 'new' | 'either';

/** For code that uses MXCSR and the x87, or does not. */
export function inexactnessFor(situation: Situation, code: { usesMxcsr: boolean; usesX87: boolean }): Inexactness {
  if (situation.roundingChanges || !(code.usesMxcsr || code.usesX87)) return 'either';
  const isOld = (situation.sseInexactIsOld || !code.usesMxcsr) && (situation.x87InexactIsOld || !code.usesX87);
  return isOld ? 'old' : 'new';
}
