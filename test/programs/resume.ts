/** Goes on with saved runs in a host process of its own: the arguments are their files; writes one digest a line. */
import { readFileSync } from 'node:fs';
import { decodeSnapshot } from '../../src/snapshot/encode.ts';
import { System } from '../../src/system.ts';
import { finishGuestProgram } from './guest-programs.ts';

for (const file of process.argv.slice(2)) {
  const system = System.from(decodeSnapshot(new Uint8Array(readFileSync(file))));
  console.log(finishGuestProgram(system).digest);
}
