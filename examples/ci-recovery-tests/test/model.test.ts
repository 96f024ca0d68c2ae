import { guestFragments } from 'coreback/testing';
import 'coreback/testing/vitest';
import fc from 'fast-check';
import { expect, it } from 'vitest';

// Programs put together at random. What each writes is known without running it, so the emulator itself is tested too.
it('recovers programs that nobody has written', { timeout: 60_000 }, () => {
  const programs = guestFragments({ maxFragments: 6 }).map((fragments) => ({ fragments }));
  for (const program of fc.sample(programs, { seed: 1, numRuns: 5 })) expect(program).toRecover({ runs: 5 });
});
