import { createHash } from 'node:crypto';
import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, describe, expect, it } from 'vitest';
import { killResume } from '../../campaign/kill-resume.ts';
import { coreback } from '../../support/cli.ts';

const FOLDER = mkdtempSync(join(tmpdir(), 'coreback-campaign-'));
const at = (name: string): string => join(FOLDER, name);

afterAll(() => rmSync(FOLDER, { recursive: true, force: true }));

const SPEC = `
name: two-programs
about: What single-bit upsets do
run: ['true', echo a b]
machine: { cores: 2, checkpointEvery: 1ms }
policies: [none, restart]
sample: { size: 30 }
faults:
  - { model: bit-flip, in: register, registers: [eax, esp] }
  - { model: fail-stop, sample: { size: 20 }, cores: [1] }
`;

describe('coreback campaign', () => {
  it('says beforehand what it would do', () => {
    writeFileSync(at('spec.yaml'), SPEC);
    const { status, stdout } = coreback(['campaign', 'plan', at('spec.yaml'), '--jobs', '2']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/faults\[0\]: bit-flip in register: 64 effects at [\d,]+ points/);
    expect(stdout).toMatch(/drawn {13}30, as asked/);
    expect(stdout).toMatch(/known beforehand {2}\d+ masked/);
    expect(stdout).toMatch(/estimate: .* with 2 jobs, from 24 injections/);
  });

  it('runs, is merged, reported in every format, and repeats any one injection', async () => {
    expect(coreback(['campaign', 'run', at('spec.yaml'), '--out', at('r.ndjson'), '--jobs', '2']).status).toBe(0);
    const files = ['html', 'csv', 'json', 'parquet', 'svg'].flatMap((kind) => [`--${kind}`, at(`r.${kind}`)]);
    const { status, stdout } = coreback(['campaign', 'report', at('r.ndjson'), ...files]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/fail-stop, restart, all: 20 of 1234 faults/);
    expect(stdout).toMatch(/none against restart on \d+ faults.*McNemar p = /);

    const report = JSON.parse(readFileSync(at('r.json'), 'utf8'));
    const [all] = report.table;
    expect(all).toMatchObject({ model: 'bit-flip', policy: 'none', target: 'all', drawn: 30 });
    const shares = all.shares.map((share: { estimate: { proportion: number } }) => share.estimate.proportion);
    expect(shares.reduce((sum: number, share: number) => sum + share, 0)).toBeCloseTo(1, 12);
    expect(readFileSync(at('r.csv'), 'utf8').split('\r\n')[0]).toMatch(/^model,policy,target,outcome,space,drawn/);
    const page = readFileSync(at('r.html'), 'utf8');
    expect(page).toContain('<svg');
    expect(page).toContain('2 cores of 1 MHz, checkpoints every 1ms');
    const [header] = readFileSync(at('r.ndjson'), 'utf8').split('\n', 1);
    expect(report.spec).toEqual(JSON.parse(header!).spec);

    const records = readFileSync(at('r.ndjson'), 'utf8')
      .trim()
      .split('\n')
      .slice(1)
      .map((line) => JSON.parse(line));
    const bytes = readFileSync(at('r.parquet'));
    const buffer = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length) as ArrayBuffer;
    const rows = await parquetReadObjects({ file: buffer });
    const sorted = records.sort((a, b) => a.id - b.id);
    expect(
      rows.map((row) => [
        Number(row.id),
        row.outcome,
        Number(row.weight),
        row.detected_by ?? undefined,
        ...[row.latency_ns, row.latency_instructions].map((value) => (value === null ? undefined : Number(value))),
      ]),
    ).toEqual(
      sorted.map(({ id, outcome, weight, detectedBy, latencyNs, latencyInstructions }) => {
        return [id, outcome, weight, detectedBy, latencyNs, latencyInstructions];
      }),
    );

    const { id } = sorted.at(-1)!;
    const again = coreback(['campaign', 'rerun', at('r.ndjson'), String(id)]);
    expect(again.status).toBe(0);
    expect(JSON.parse(again.stdout.trim().split('\n').at(-1)!)).toEqual(sorted.at(-1));
  });

  it('ends the same when it is killed and resumed, sharded and merged, or run again', async () => {
    mkdirSync(at('kill'));
    const args = [
      '--run',
      'echo a',
      '--run',
      'true',
      '--fault',
      'registers',
      '--fault',
      'fail-stop',
      '--no-prune',
      '--size',
      '40',
    ];
    const result = await killResume([...args, '--checkpoint-every', '1ms'], at('kill'), 2);
    expect(result).toMatchObject({
      records: 80,
      resumedEqual: true,
      shardsEqual: true,
      sameSeedEqual: true,
      otherSeedDiffers: true,
    });
    expect(result.kills).toBeGreaterThan(0);
  }, 300_000);

  it('drops a line that was cut off, and refuses a file of another campaign', () => {
    const args = [
      'campaign',
      'run',
      '--run',
      'true',
      '--fault',
      'fail-stop',
      '--size',
      '5',
      '--jobs',
      '1',
      '--out',
      at('cut.ndjson'),
    ];
    expect(coreback(args).status).toBe(0);
    const whole = readFileSync(at('cut.ndjson'), 'utf8');
    writeFileSync(at('cut.ndjson'), whole.slice(0, -20));
    expect(coreback([...args, '--resume']).status).toBe(0);
    expect(readFileSync(at('cut.ndjson'), 'utf8')).toBe(whole);

    expect(coreback(args).stderr).toMatch(/cut\.ndjson: exists already \(go on with it by --resume/);
    const { status, stderr } = coreback([...args, '--resume', '--seed', '7']);
    expect(status).toBe(2);
    expect(stderr).toMatch(/cut\.ndjson: spec\.seed: differs from the campaign in the file/);

    writeFileSync(at('cut.ndjson'), whole.slice(0, 100));
    expect(coreback([...args, '--resume']).status).toBe(0);
    expect(readFileSync(at('cut.ndjson'), 'utf8')).toBe(whole);

    const [header, line] = whole.split('\n') as [string, string];
    for (const [was, is, key] of [
      ['"id":', '"id":9', 'id'],
      ['"weight":', '"weight":-', 'weight'],
      ['"model":"fail-stop",', '"model":"bit-flip",', 'fault.target'],
      ['"core":', '"core":8', 'fault.trigger.core'],
    ] as const) {
      writeFileSync(at('bad.ndjson'), `${header}\n${line.replace(was, is)}\n`);
      const refused = coreback(['campaign', 'report', at('bad.ndjson')]);
      expect(refused.stderr).toContain(`bad.ndjson: ${key}: line 2 is no record of this campaign`);
      expect(refused.status).toBe(2);
    }
  });

  it('runs programs in folders of the host, and notices when these have changed', () => {
    cpSync(fileURLToPath(new URL('../../../guest/tree', import.meta.url)), at('tree'), { recursive: true });
    const args = [
      ...['campaign', 'run', '--root', at('tree'), '--run', '/usr/bin/tally 2 3', '--cores', '1', '--size', '20'],
      ...['--no-prune', '--jobs', '2', '--out', at('tally.ndjson')],
    ];
    expect(coreback(args)).toMatchObject({ status: 0 });
    const [header, first] = readFileSync(at('tally.ndjson'), 'utf8')
      .split('\n', 2)
      .map((line) => JSON.parse(line));
    expect(header.spec.mounts).toEqual([`${at('tree')}:/:cow`]);
    const digest = createHash('sha256')
      .update(readFileSync(at('tree/usr/bin/tally')))
      .digest('hex');
    expect(header.files['/usr/bin/tally']).toBe(digest);
    expect(Object.keys(header.files)).toContain('/libexec/ld-elf.so.1');
    expect(coreback(['campaign', 'rerun', at('tally.ndjson'), String(first.id)]).status).toBe(0);

    appendFileSync(at('tree/usr/bin/tally'), ' ');
    for (const again of [
      [...args, '--resume'],
      ['campaign', 'rerun', at('tally.ndjson'), String(first.id)],
    ]) {
      const { status, stderr } = coreback(again);
      expect(stderr).toContain('/usr/bin/tally');
      expect(status).toBe(2);
    }
  }, 120_000);

  it.each([
    [['plan', '--run', 'true', '--size', '5', '--exhaustive'], /given in two ways/],
    [['plan', '--run', 'true', '--root', '/nonexistent'], /nonexistent: does not exist/],
    [['sweep', '--run', 'true'], /--mtbf/],
    [['sweep', '--run', 'true', '--mtbf', '1s', '--cores', '1'], /--cores.*not an integer from 2 to 32/],
    [['sweep', '--run', 'true', '--mtbf', '0s'], /--mtbf: must be longer than 0/],
  ])('refuses %j', (args, message) => {
    const { status, stderr } = coreback(['campaign', ...args]);
    expect(stderr).toMatch(message);
    expect(status).toBe(2);
  });

  it.each([
    [
      'run: [echo]\nname: x\nfaults: [{model: bit-flip, in: register, register: eax}]',
      /faults\[0\]: Unrecognized key: "register"/,
    ],
    ['run: [echo]\nname: x\nfaults: [{model: fail-stop, cores: [9]}]', /faults\[0\]\.cores: there is no core 9/],
    ['run: [echo]\nname: x\nfaults: [{model: fail-stop}]\nsample: {error: 2}', /sample/],
    ['run: [echo]\nname: x\nfaults: [{model: fail-stop}]\nsample: 5', /sample: has none of the forms/],
    ['run: [echo]\nname: x\nfaults: [{model: failstop}]', /faults\[0\]\.model: is none of 'bit-flip', 'stuck-at', /],
    [
      'run: [echo]\nname: x\nfaults: [{model: machine-check, status: high}]',
      /bad\.yaml: faults\[0\]\.status: is no number/,
    ],
    ['run: [echo]\nname: x\nfaults: [{model: wrong-alu, units: [add], bits: [40]}]', /faults\[0\]\.bits: names no bit/],
    ['run: [nonesuch]\nname: x\nfaults: [{model: fail-stop}]', /nonesuch: does not exist/],
    [
      'run: [spin]\nname: x\nmachine: {until: 10ms}\nfaults: [{model: fail-stop}]',
      /run: the run without faults does not end by itself/,
    ],
    [
      'run: [echo]\nname: x\nfaults: [{model: bit-flip, in: memory, from: 8, to: 8}]',
      /faults\[0\]\.to: does not come after/,
    ],
  ])(
    'refuses %s',
    (text, message) => {
      writeFileSync(at('bad.yaml'), text);
      const { status, stderr } = coreback(['campaign', 'plan', at('bad.yaml')]);
      expect(stderr).toMatch(message);
      expect(status).toBe(2);
    },
    120_000,
  );
});
