import type { Insn } from '../isa/insn.ts';
import type { BlockCode } from './block-code.ts';

/** Writes the translation of an instruction, to the effect of its row's exec in emu/interp. */
export type Writer = (b: BlockCode, insn: Insn) => void;

/** A writer, and which forms of the instruction it can do. */
export type Row = readonly [writer: Writer, takes: (insn: Insn) => boolean];

/** By mnemonic. */
export type Rows = Readonly<Record<string, Row>>;

export const any = (): boolean => true;
export const is4 = (insn: Insn): boolean => insn.operands[0]!.size === 4;
