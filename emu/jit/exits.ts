/** Why translated code comes back. */
export const Reason = {
  /** The budget does not reach to the end of the block at `eip`, which has not begun. */
  Budget: 0,
  /** The interpreter must do the instruction at `eip`. */
  Interpret: 1,
  /** Control goes to the EIP in the state block, which has no translation that is known to the code map. */
  Leave: 2,
  /** The x87's registers are not loaded, or not as the code at `eip` expects them. */
  Shape: 3,
  /** At an entry: the translation is one for the other case of whether "inexact" is masked and set already. */
  Rounding: 4,
} as const;
export type Reason = (typeof Reason)[keyof typeof Reason];

export interface Exit {
  readonly reason: Reason;
  /** EIP to go on at; of `Leave`: EIP of the instruction that leads out. */
  readonly eip: number;
  /** Instructions that the block has counted and not retired. */
  readonly refund: number;
  /** Kind of the lazy flags, or DYNAMIC. */
  readonly kind: number;
  /** Of `Interpret`: the instruction never has a translation. Of `Leave`: an indirect jump, whose targets may belong to the region. */
  readonly always: boolean;
  /** The function that it leaves. */
  readonly slot: number;
}
