import { cpus } from 'node:os';
import type { Command } from 'commander';
import { UsageError } from '../../emu/base/errors.ts';
import { CORES_MAX } from '../../emu/machine/machine.ts';
import { dalyInterval } from '../campaign/checkpoint-interval.ts';
import { type SweepSetting, sweepBase, sweepCurve, sweepPoint } from '../campaign/sweep.ts';
import { sweepCsv, sweepPlot, sweepText } from '../campaign/sweep-report.ts';
import { writeHostFile } from '../host/files.ts';
import { Progress } from '../host/progress.ts';
import { runSweep } from '../host/sweep-runner.ts';
import { parseDuration } from '../scenario/units.ts';
import { readSpec, type SpecOptions, workloadOf } from './campaign-spec.ts';
import { collect, integerFrom } from './options.ts';

interface SweepOptions {
  readonly run: readonly string[];
  readonly mtbf: readonly string[];
  readonly seeds: number;
  readonly cores: number;
  readonly mhz: number;
  readonly jobs: number;
  readonly json?: string;
  readonly csv?: string;
  readonly svg?: string;
}

/** Periods that are tried, as multiples of Daly's. */
const FACTORS = [0.35, 0.5, 0.7, 1, 1.4, 2, 2.8];

/** `coreback campaign sweep` */
export function addCampaignSweepCommand(campaign: Command): void {
  campaign
    .command('sweep')
    .description(
      'find the interval between checkpoints at which a program that loses its cores ends soonest, beside what Young and Daly say',
    )
    .requiredOption('--run <command>', "the program ('primes 100000')", collect)
    .requiredOption('--mtbf <time>', 'mean time between failures, in virtual time; may be repeated', collect)
    .option('--seeds <n>', 'runs for each interval', integerFrom(1), 16)
    .option('--cores <n>', 'cores to lose: one stays, so 2 at least', integerFrom(2, CORES_MAX), CORES_MAX)
    .option('--mhz <n>', 'clock rate of each core', integerFrom(1, 1000), 10)
    .option('--jobs <n>', 'worker threads', integerFrom(1, 256), cpus().length)
    .option('--json <file>', 'write every point')
    .option('--csv <file>', 'the same as a table')
    .option('--svg <file>', 'draw the curves')
    .addHelpText('after', HELP)
    .action(async (options: SweepOptions) => {
      await sweep(options);
    });
}

const HELP = `
Seven intervals around Daly's optimum are tried at each failure rate, with the same times of failure at each. The measured optimum is
the minimum of a + b / t + c t fitted to the mean completion times.`;

async function sweep(options: SweepOptions): Promise<void> {
  const setting = settingOf(options);
  const mtbfs = options.mtbf.map((text) => parseDuration(text, '--mtbf'));
  if (mtbfs.includes(0)) throw new UsageError({ what: 'must be longer than 0', path: '--mtbf' });
  // What a checkpoint costs hardly depends on when it is taken.
  const { workNs, costNs } = sweepBase(setting, mtbfs[0]! / 4);
  const progress = new Progress();
  const curves = [];
  try {
    for (const mtbfNs of mtbfs) {
      const best = dalyInterval(costNs, mtbfNs) + costNs;
      const periods = FACTORS.map((factor) => Math.round((best * factor) / 1000) * 1000);
      const runs = periods.flatMap((periodNs) =>
        Array.from({ length: options.seeds }, (_, n) => ({ periodNs, meanNs: mtbfNs, seed: n + 1 })),
      );
      let made = 0;
      const results = await runSweep(setting, runs, options.jobs, () => {
        made++;
        progress.report(() => `${made} of ${runs.length} runs at ${mtbfNs / 1e6} ms between failures`);
      });
      const spent = results.filter(({ failures }) => failures === options.cores - 1).length;
      if (spent > 0)
        process.stderr.write(
          `coreback: ${spent} of ${runs.length} runs at ${mtbfNs / 1e6} ms between failures lost all cores but one, which then never fails: take more --cores\n`,
        );
      const points = periods.map((periodNs, n) =>
        sweepPoint(periodNs, results.slice(n * options.seeds, (n + 1) * options.seeds)),
      );
      const empty = points.find(({ runs: ended }) => ended === 0);
      if (empty) {
        const hint = 'take a shorter program, more cores or rarer failures';
        throw new UsageError({
          what: `no run ends with a checkpoint every ${empty.periodNs / 1e6} ms`,
          path: '--mtbf',
          hint,
        });
      }
      curves.push(sweepCurve(mtbfNs, costNs, points));
    }
  } finally {
    progress.done();
  }
  const result = {
    run: options.run,
    cores: options.cores,
    mhz: options.mhz,
    seeds: options.seeds,
    workNs,
    costNs,
    curves,
  };
  process.stdout.write(sweepText(result));
  if (options.json) writeHostFile(options.json, `${JSON.stringify(result, null, 1)}\n`);
  if (options.csv) writeHostFile(options.csv, sweepCsv(result));
  if (options.svg) writeHostFile(options.svg, sweepPlot(result));
}

function settingOf(options: SweepOptions): SweepSetting {
  const spec: SpecOptions = {
    run: options.run,
    fault: ['fail-stop'],
    policy: [],
    prune: false,
    cores: options.cores,
    mhz: options.mhz,
  };
  if (options.run.length !== 1) throw new UsageError({ what: 'a sweep is about one program', path: '--run' });
  const workload = workloadOf(readSpec(undefined, spec, MACHINE));
  const path = workload.commands[0]!.path;
  return { workload, policy: workload.spec.policies[0]!, process: path.slice(path.lastIndexOf('/') + 1) };
}

/** Failures are noticed soon: how late does not move the optimum, but costs time. */
const MACHINE = { slice: [5000, 15000], detection: { period: '1ms', deadline: '200us', misses: 1 } };
