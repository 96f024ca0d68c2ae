import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { UsageError } from '../../../emu/base/errors.ts';
import { Injector } from '../../../src/campaign/injector.ts';
import { planCampaign } from '../../../src/campaign/plan.ts';
import type { InjectionRecord } from '../../../src/campaign/records.ts';
import { campaignSchema } from '../../../src/campaign/schema.ts';
import { workloadOf } from '../../../src/cli/campaign-spec.ts';
import { runInjections } from '../../../src/host/campaign-runner.ts';
import { NodeFolders } from '../../../src/host/node-folders.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'coreback-runner-'));
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

describe('injections on worker threads', () => {
  it('see what the fault-free run saw of a folder that is gone, and are no records when they see nothing', async () => {
    const tree = join(FOLDER, 'tree');
    cpSync(fileURLToPath(new URL('../../../guest/tree', import.meta.url)), tree, { recursive: true });
    const spec = campaignSchema.parse({
      name: 'folders',
      run: ['/usr/bin/tally 2 1'],
      mounts: [`${tree}:/`],
      machine: { cores: 1 },
      policies: ['none'],
      prune: false,
      sample: { size: 3 },
      faults: [{ model: 'bit-flip', in: 'register', registers: ['edi'], bits: [0] }],
    });
    const hostFolders = new NodeFolders();
    const workload = workloadOf(spec, hostFolders);
    const injector = new Injector(workload, 'none', { hostFolders });
    const plan = planCampaign(workload, [injector.summary], hostFolders);
    rmSync(tree, { recursive: true });
    const records: InjectionRecord[] = [];
    const run = (folders: NodeFolders): Promise<void> =>
      runInjections(workload, plan, [0, 1, 2], {
        jobs: 1,
        hostFolders: folders,
        onRecords: (some) => records.push(...some),
      });
    await run(hostFolders);
    expect(records.map(({ id, outcome }) => [id, outcome])).toEqual(
      [0, 1, 2].map((id) => [id, injector.inject([plan.at(id).fault]).outcome]),
    );
    expect(records.map(({ outcome }) => outcome)).not.toContain('emulator-bug');
    await expect(run(new NodeFolders())).rejects.toThrow(UsageError);
    expect(records).toHaveLength(3);
  }, 60_000);
});
