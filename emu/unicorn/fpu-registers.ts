import { FXSAVE_BYTE_OFFSET } from '../core/core-state.ts';
import {
  type RegisterSet,
  UC_FP0,
  UC_FPCW,
  UC_FPSW,
  UC_FPTAG,
  UC_MXCSR,
  UC_XMM0,
  type UnicornInstance,
} from './binding.ts';

/** FXSAVE image, byte offsets: SDM Vol. 1, Legacy Region of an XSAVE Area. */
const FCW = 0;
const FSW = 2;
const FTW = 4;
const MXCSR = 24;
const ST0 = 32;
const XMM0 = 160;

/** Order in the register set below. */
const CONTROL = 0;
const STATUS = 1;
const TAGS = 2;
const MX = 3;

/**
 * x87, MMX and SSE state, between the FXSAVE image of the core's block and Unicorn's registers. Unicorn keeps no last instruction
 * and operand pointers (bytes 6 .. 23): the image's stay as they are.
 */
export class FpuRegisters {
  private readonly instance: UnicornInstance;
  private readonly small: RegisterSet;
  private readonly ten = new Uint8Array(16);
  private readonly sixteen = new Uint8Array(16);
  /** The image that Unicorn holds; all 0xFF when unknown. */
  private readonly held = new Int32Array(128).fill(-1);
  private readonly heldBytes = new Uint8Array(this.held.buffer);

  constructor(instance: UnicornInstance) {
    this.instance = instance;
    this.small = instance.registers([UC_FPCW, UC_FPSW, UC_FPTAG, UC_MXCSR]);
  }

  forget(): void {
    this.held.fill(-1);
  }

  load(block: Uint8Array): void {
    const image = new Int32Array(block.buffer, block.byteOffset + FXSAVE_BYTE_OFFSET, 128);
    if (this.held.every((word, i) => word === image[i])) return;
    this.held.set(image);
    const view = new DataView(block.buffer, block.byteOffset + FXSAVE_BYTE_OFFSET, 512);
    const { values } = this.small;
    const status = view.getUint16(FSW, true);
    values[CONTROL] = view.getUint16(FCW, true);
    values[STATUS] = status;
    values[TAGS] = fullTags(view.getUint8(FTW));
    values[MX] = view.getInt32(MXCSR, true);
    this.small.write();
    const top = (status >> 11) & 7;
    for (let i = 0; i < 8; i++) {
      // ST(i) is physical register TOP + i.
      this.ten.set(this.heldBytes.subarray(ST0 + i * 16, ST0 + i * 16 + 10));
      this.instance.writeWide(UC_FP0 + ((top + i) & 7), this.ten);
      this.sixteen.set(this.heldBytes.subarray(XMM0 + i * 16, XMM0 + i * 16 + 16));
      this.instance.writeWide(UC_XMM0 + i, this.sixteen);
    }
  }

  store(block: Uint8Array): void {
    const view = new DataView(block.buffer, block.byteOffset + FXSAVE_BYTE_OFFSET, 512);
    const image = new Uint8Array(block.buffer, block.byteOffset + FXSAVE_BYTE_OFFSET, 512);
    const { values } = this.small;
    values.fill(0);
    this.small.read();
    const status = values[STATUS];
    view.setUint16(FCW, values[CONTROL], true);
    view.setUint16(FSW, status, true);
    view.setUint8(FTW, abridgedTags(values[TAGS]));
    view.setInt32(MXCSR, values[MX], true);
    const top = (status >> 11) & 7;
    for (let i = 0; i < 8; i++) {
      this.instance.readWide(UC_FP0 + ((top + i) & 7), this.ten);
      image.set(this.ten.subarray(0, 10), ST0 + i * 16);
      this.instance.readWide(UC_XMM0 + i, this.sixteen);
      image.set(this.sixteen, XMM0 + i * 16);
    }
    this.heldBytes.set(image);
  }
}

/** FXSAVE has one bit a physical register, set when it is not empty; the full tag word has 3 for an empty one. */
function fullTags(abridged: number): number {
  let full = 0;
  for (let i = 0; i < 8; i++) if (!(abridged & (1 << i))) full |= 3 << (i * 2);
  return full;
}

function abridgedTags(full: number): number {
  let abridged = 0;
  for (let i = 0; i < 8; i++) if (((full >> (i * 2)) & 3) !== 3) abridged |= 1 << i;
  return abridged;
}
