import { setDefaultEngine } from '../../src/default-engine.ts';
import { makeEngine } from '../../src/host/engines.ts';

// COREBACK_ENGINE says what systems run on in all tests that do not choose an engine.
const engine = process.env.COREBACK_ENGINE;
if (engine !== undefined) setDefaultEngine(makeEngine({ engine }));
