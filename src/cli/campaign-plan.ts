import { performance } from 'node:perf_hooks';
import { UsageError } from '../../emu/base/errors.ts';
import { Injector } from '../campaign/injector.ts';
import { type CampaignPlan, planCampaign } from '../campaign/plan.ts';
import { type EntrySummary, type Header, RECORDS_FORMAT, RECORDS_VERSION } from '../campaign/records.ts';
import type { CampaignSpec } from '../campaign/schema.ts';
import { sampleCount } from '../campaign/selection.ts';
import type { Workload } from '../campaign/workload.ts';
import { NodeFolders } from '../host/node-folders.ts';
import { versionAndCommit } from '../host/version.ts';
import { grouped } from '../report/format.ts';
import { fileDigests, readSpec, type SpecOptions, workloadOf } from './campaign-spec.ts';

/** A campaign with everything that is settled before the first injection. */
export interface Prepared {
  readonly workload: Workload;
  readonly hostFolders: NodeFolders;
  readonly injectors: readonly Injector[];
  readonly plan: CampaignPlan;
  readonly header: Header;
}

export function prepare(path: string | undefined, options: SpecOptions): Prepared {
  try {
    return prepareSpec(readSpec(path, options));
  } catch (error) {
    throw error instanceof UsageError && path !== undefined ? error.in(path) : error;
  }
}

function prepareSpec(spec: CampaignSpec): Prepared {
  const hostFolders = new NodeFolders();
  const workload = workloadOf(spec, hostFolders);
  const injectors = spec.policies.map((policy) => new Injector(workload, policy, { hostFolders }));
  const golden = injectors.map(({ summary }) => summary);
  const plan = planCampaign(workload, golden, hostFolders);
  const header: Header = {
    format: RECORDS_FORMAT,
    version: RECORDS_VERSION,
    coreback: versionAndCommit(),
    spec,
    files: fileDigests(workload, injectors),
    golden,
    entries: [...plan.entries],
    injections: plan.count,
  };
  return { workload, hostFolders, injectors, plan, header };
}

/** Injections of which the time is taken: spread over the campaign, after as many that warm up. */
const CALIBRATION_RUNS = 24;

export function printPlan(path: string | undefined, options: SpecOptions & { json?: boolean; jobs: number }): void {
  const { plan, header, injectors, workload } = prepare(path, options);
  const msPerInjection = calibrate(plan, injectors);
  const seconds = (plan.count * msPerInjection) / 1000 / options.jobs;
  if (options.json) {
    const { entries, injections, golden } = header;
    const estimate = { msPerInjection, jobs: options.jobs, seconds };
    process.stdout.write(
      `${JSON.stringify({ golden, entries, injections, pruned: plan.pruned, estimate }, null, 1)}\n`,
    );
    return;
  }
  const { spec } = workload;
  const retired = header.golden[0]!.retired.reduce((sum, n) => sum + n, 0);
  const lines = [
    `${spec.name}: ${spec.run.join(' + ')}; ${grouped(retired)} instructions, ${(header.golden[0]!.endNs / 1e6).toFixed(1)} ms of virtual time`,
    '',
    ...plan.entries.flatMap((entry, n) => {
      const sample = spec.faults[n]!.sample ?? spec.sample;
      const wanted = sampleCount(sample, entry.size);
      const why =
        sample === 'exhaustive'
          ? 'all of them'
          : 'size' in sample
            ? 'as asked'
            : `for +-${sample.error * 100} points at ${sample.confidence * 100} % confidence (Leveugle 2009)`;
      return [
        `faults[${n}]: ${titleOf(plan, n)}`,
        `  fault space       ${grouped(entry.size)}`,
        `  drawn             ${grouped(wanted)}, ${why}`,
        ...(plan.pruned && entry.injections !== entry.drawn
          ? [`  known beforehand  ${grouped(maskedOf(entry))} masked: nothing reads the bit before it is overwritten`]
          : []),
        `  injections        ${grouped(entry.injections)}${entry.injections === entry.drawn ? '' : ', each for all drawn flips that must end alike'}`,
      ];
    }),
    '',
    `policies: ${spec.policies.join(', ')}; ${grouped(plan.count)} injections in all`,
    `estimate: ${roughly(seconds)} with ${options.jobs} jobs, from ${CALIBRATION_RUNS} injections at ${msPerInjection.toFixed(2)} ms each`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

const maskedOf = ({ targets }: EntrySummary): number => targets.reduce((sum, { masked }) => sum + masked, 0);

function calibrate(plan: CampaignPlan, injectors: readonly Injector[]): number {
  const sample = (n: number): void => {
    const { policy, fault } = plan.at(Math.floor(((n + 0.5) / CALIBRATION_RUNS) * plan.count));
    injectors[plan.policies.indexOf(policy)]!.inject([fault]);
  };
  for (let n = 0; n < CALIBRATION_RUNS; n++) sample(n);
  const startMs = performance.now();
  for (let n = 0; n < CALIBRATION_RUNS; n++) sample(n);
  return (performance.now() - startMs) / CALIBRATION_RUNS;
}

function titleOf(plan: CampaignPlan, entry: number): string {
  const { effects, points } = plan.spaces[entry]!;
  const first = effects.at(0);
  const what = first.model === 'bit-flip' ? `bit-flip in ${first.target.in}` : first.model;
  return `${what}: ${grouped(effects.count)} effects at ${grouped(points.count)} points`;
}

/** A length of host time, roughly. */
export function roughly(seconds: number): string {
  if (seconds < 1) return 'less than a second';
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}
