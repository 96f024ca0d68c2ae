import type { Engine } from '../emu/core/engine.ts';
import { JitEngine } from '../emu/jit/jit-engine.ts';

let shared: Engine | null = null;

/** What runs the guest in systems that are not told: one translating engine for all, so that what it has translated serves them all. */
export function defaultEngine(): Engine {
  shared ??= new JitEngine();
  return shared;
}

/** From now on this one instead. Results do not depend on it. */
export function setDefaultEngine(engine: Engine): void {
  shared = engine;
}
