import { OUTCOME_RULES } from '../src/recovery/outcome.ts';
import { table } from './markdown.ts';

const INTRODUCTION = `# Outcomes

Every run has exactly one outcome. It is found by the table below, read from above: the first row that applies counts. The last row applies always. The code reads the same
table (\`src/recovery/outcome.ts\`).

A run with faults is judged beside its **golden run**: the same binaries, configuration, seed and script, without the faults. \`run\`, \`demo\`, \`scenario\`, \`check\`, \`replay\` and
campaigns make it; \`restart\` and \`shell\` do not, and take results to be right unless something was recovered.
`;

const TERMS = `
## Terms

| Term | Meaning |
|---|---|
| came to pass | the fault's trigger was reached: there is a \`core-fault\` event. A bit that flips where nobody looks has come to pass too; its run is \`masked\` |
| results | of every process: name, exit status, and what it wrote to the console, in whatever order they ended; and every file in the guest's tree: its path, and its contents if the guest wrote it. Core files do not count: they tell of their moment. What the restarts themselves did does not count either |
| seen through rollbacks | what a process had written since its checkpoint is taken out of its output when it is recovered, for it will write it again. Files are compared as they stand: a program that appends to a file and is rolled back is \`recovered-wrong\`, unless its policy takes files back |
| written again | that stretch was not empty for at least one recovered process |
| brought back | there is a \`recovery-done\` event |
| lost, given up | there is a \`recovery-failed\` event, with the reason |
| detected | there is a \`fault-detected\` event: the fault interrupt generator, a machine check, a self-test or a comparison found it |
| ended as the golden run did | it stopped by itself with every process gone, or for the same reason as the golden run (a server that waits for input for ever is not hung) |

**The bound of a hang** in virtual time, with \`t\` the length of the golden run, \`n\` cores, \`f\` faults planned (a random fault without a limit counts 16), \`s\` the largest factor by which a core is made slow (1 without):

    t * (2 * n * s + f) + (f + 1) * detection + time away + 1,000,000 instructions

What n cores do in t takes one core n t; twice that leaves room for unlucky placement. Each fault may throw a process back to its beginning and be noticed late (\`detection\`: period * (misses + 1) + deadline). Runs are broken off there.

## Reading them

There is a scenario for each in \`test/src/recovery/outcomes/\`.

| Outcome | Good? | In words |
|---|---|---|
| \`not-activated\` | says nothing | leave these out of percentages, or count them apart |
| \`masked\` | yes | the fault did no harm |
| \`recovered-exact\` | yes | nobody outside can tell that there was a fault |
| \`recovered-at-least-once\` | by the paper's standard | everything is right, but some output appears twice |
| \`SDC\` | worst | wrong results that look right |
| \`crash\`, \`hang\` | no | wrong, and one sees it |
| \`detected-unrecovered\` | no | wrong, and the machine knew |
| \`recovered-wrong\`, \`recovery-failed\` | no | the recovery itself is to blame, or could not help |
| \`emulator-bug\` | our fault | never counted as an outcome of the guest: please report it |

A recovery that keeps results but breaks its promises (priority, nice value, affinity, parent, pending signals, memory as in the checkpoint, dead cores idle) is found by the contract, which is checked beside the outcome: [testing.md](testing.md).
`;

/** docs/outcomes.md: the oracle's table, and what its words mean. */
export function outcomesPage(): string {
  const rows = OUTCOME_RULES.map(({ outcome, when }, n) => [`${n + 1}`, when, `\`${outcome}\``]);
  return `${INTRODUCTION}\n${table(['', 'When no row above applies, and', 'Outcome'], rows)}\n${TERMS}`;
}
