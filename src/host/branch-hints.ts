import { setFlagsFromString } from 'node:v8';

/** V8 takes the branch hints of translated code into account from this version on without being asked. */
const V8_WITH_BRANCH_HINTS = 13;

/** Translated code says which branches are hardly ever taken (emu/jit/wasm-code.ts); what is compiled from now on makes use of it. */
export function useBranchHints(): void {
  const version = Number.parseInt(process.versions.v8, 10);
  if (version < V8_WITH_BRANCH_HINTS) setFlagsFromString('--experimental-wasm-branch-hinting');
}
