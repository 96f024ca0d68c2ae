import { workerData } from 'piscina';
import { UsageError, type UsageErrorParts } from '../../emu/base/errors.ts';
import type { FaultSpec } from '../../emu/faults/plan.ts';
import { Injector } from '../campaign/injector.ts';
import type { InjectionResult } from '../campaign/records.ts';
import type { Policy, Workload } from '../campaign/workload.ts';
import { NodeFolders, type SeenFolders } from './node-folders.ts';
import { SharedIntervals } from './shared-intervals.ts';

/** What a worker of a campaign is given once. */
export interface CampaignWorkerData {
  readonly workload: Workload;
  readonly snapshots: boolean;
  /** Name by which the workers of this campaign find each other. */
  readonly channel: string;
  /** What the fault-free run has seen of the host's folders: all workers see the same. */
  readonly seenFolders: SeenFolders;
}

/** What it is given again and again. */
export interface CampaignTask {
  readonly policy: Policy;
  readonly faults: readonly FaultSpec[];
}

const injectors = new Map<Policy, Injector>();

function injectorFor(policy: Policy): Injector {
  let injector = injectors.get(policy);
  if (!injector) {
    const { workload, snapshots, channel, seenFolders } = workerData as CampaignWorkerData;
    const intervals = new SharedIntervals(`${channel} ${policy}`);
    injector = new Injector(workload, policy, { snapshots, intervals, hostFolders: new NodeFolders(seenFolders) });
    injectors.set(policy, injector);
  }
  return injector;
}

/** Results in the order of the faults; or what is wrong with what the user gave, as an error's class does not get through to another thread. */
export type CampaignAnswer = readonly InjectionResult[] | { readonly refused: UsageErrorParts };

/** Injects each of the faults by itself. */
export default function injectAll({ policy, faults }: CampaignTask): CampaignAnswer {
  try {
    const injector = injectorFor(policy);
    return faults.map((fault) => injector.inject([fault]));
  } catch (error) {
    if (error instanceof UsageError) return { refused: error.parts };
    throw error;
  }
}
