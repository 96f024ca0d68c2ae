import { writeFileSync } from 'node:fs';
import { buildSelfTest, SELF_TEST_MODULE, selfTestModule } from './selftest-code.ts';

/** Needs nasm, ld.lld and a kernel that runs 32-bit programs. `npm run selftest:build`. */
writeFileSync(SELF_TEST_MODULE, selfTestModule(buildSelfTest()));
