import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { UsageError } from '../../../emu/base/errors.ts';
import { shippedPrograms } from '../../../src/host/guest-programs.ts';
import { scenario as build } from '../../../src/scenario/builder.ts';
import { parseScenario, toScenario } from '../../../src/scenario/parse-scenario.ts';
import { runScenario } from '../../../src/scenario/run-scenario.ts';
import type { ScenarioInput } from '../../../src/scenario/schema.ts';

const GOOD: ScenarioInput = {
  name: 'good',
  about: 'count loses its core',
  machine: { cores: 2, checkpointEvery: '100ms' },
  script: [
    { at: '0s', run: 'count 10 20' },
    { at: '50ms', fail: { process: 'count' } },
  ],
  expect: [{ process: 'count', counts: [0, 9] }],
};

type Json = Record<string, unknown>;

/** The good scenario with one part replaced. */
const withMachine = (machine: Json): Json => ({ ...GOOD, machine: { ...GOOD.machine, ...machine } });
const withStep = (...steps: Json[]): Json => ({ ...GOOD, script: [...GOOD.script, ...steps] });
const withExpectation = (...expect: Json[]): Json => ({ ...GOOD, expect });
const withoutFault = (...expect: Json[]): Json => ({ ...GOOD, script: [GOOD.script[0]], expect });

function refusal(value: unknown): { key: string | undefined; what: string } {
  try {
    toScenario(value, 'x.json');
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    expect(error.parts.path).toBe('x.json');
    return { key: error.parts.key, what: error.parts.what };
  }
  throw new Error('it was not refused');
}

const trigger = (more: Json): Json => ({ fault: { model: 'fail-stop', trigger: more } });
const flip = (bit: number): Json => ({
  at: '1ms',
  fault: { model: 'bit-flip', target: { in: 'register', register: 'eax' }, bit, core: 0 },
});

describe('a scenario', () => {
  it.each<[string, unknown, string, string]>([
    // Keys that do not exist, and values that are none.
    ['an unknown key', { ...GOOD, machin: {} }, '', 'machin'],
    ['an unknown key of the machine', withMachine({ core: 2 }), 'machine', 'core'],
    ['an unknown key of a step', withStep({ at: '1ms', run: 'count', nise: 1 }), 'script[2]', 'nise'],
    ['an unknown key of an expectation', withExpectation({ process: 'count', exits: 0 }), 'expect[0]', 'exits'],
    [
      'an unknown key of a trigger',
      withStep(trigger({ at: 'time', core: 0, when: 1 })),
      'script[2].fault.trigger',
      'when',
    ],
    ['no such model', withStep({ at: '1ms', fault: { model: 'melt', core: 0 } }), 'script[2].fault.model', 'fail-stop'],
    ['no such trigger', withStep(trigger({ at: 'noon' })), 'script[2].fault.trigger.at', 'syscall'],
    [
      'no such system call',
      withStep(trigger({ at: 'syscall', nth: 1, name: 'wirte' })),
      'script[2].fault.trigger.name',
      'no system call',
    ],
    [
      'no such restart step',
      withStep(trigger({ at: 'recovery', nth: 1, step: 'lode' })),
      'script[2].fault.trigger.step',
      'detach',
    ],
    ['a duration that is none', withMachine({ checkpointEvery: 'often' }), 'machine.checkpointEvery', 'often'],
    ['a time that is none', withStep({ at: 'soon', run: 'primes' }), 'script[2].at', 'soon'],
    ['a regular expression that is none', withExpectation({ logMatches: '(' }), 'expect[0].logMatches', 'regular'],
    ['a place that is none', withExpectation({ process: 'count', memory: { '+3': 0 } }), 'expect[0].memory', '+3'],
    // What no machine can do.
    [
      'a deadline beyond the period',
      withMachine({ detection: { deadline: '10ms' } }),
      'machine.detection.deadline',
      'shorter',
    ],
    ['a clock rate without whole cycles', withMachine({ mhz: 3 }), 'machine.mhz', 'whole'],
    ['a fault of a core that is not there', withStep({ at: '1ms', fail: { core: 2 } }), 'script[2]', 'no core 2'],
    ['a trigger on such a core', withStep(trigger({ at: 'syscall', nth: 1, core: 7 })), 'script[2].fault', 'no core 7'],
    ['a bit that is not there', withStep(flip(32)), 'script[2].fault.bit', 'no bit'],
    [
      'a fault that strikes nowhere',
      withStep({ at: '1ms', fault: { model: 'hang' } }),
      'script[2].fault',
      'either a core or a process',
    ],
    ['a fault after the end', withStep({ at: '200s', fail: { core: 0 } }), 'script[2]', 'after the end'],
    ['a step after the end', withStep({ at: '200s', run: 'primes' }), 'script[2].at', 'after the end'],
    [
      'a fault during checkpoints when none is taken',
      { ...withStep(trigger({ at: 'checkpoint', nth: 1 })), machine: {} },
      'script[2].fault.trigger',
      'none is taken',
    ],
    [
      'a fault during recoveries when there are none',
      {
        ...withStep(trigger({ at: 'recovery', nth: 1, step: 1 })),
        machine: { recovery: 'none', checkpointEvery: '1s' },
      },
      'script[2].fault.trigger',
      'recovery is none',
    ],
    [
      'a damaged checkpoint when none is taken',
      {
        ...withStep({ at: '1ms', fault: { model: 'checkpoint-write', failure: 'error', atByte: 0, core: 0 } }),
        machine: {},
      },
      'script[2].fault.model',
      'none is taken',
    ],
    [
      'a spare core for the only one',
      withMachine({ cores: 1, recovery: 'spare' }),
      'machine.spareCores',
      'leave none to run on',
    ],
    [
      'a self-test without a pause',
      withMachine({ detection: { selfTest: '0s' } }),
      'machine.detection.selfTest',
      'no period',
    ],
    // Programs.
    ['two programs of one name', withStep({ at: '1ms', run: 'count' }), 'script[2]', 'started already'],
    ['a signal to nobody', withStep({ at: '1ms', kill: 'primes' }), 'script[2].kill', 'no program named primes'],
    [
      'a signal before the start',
      withStep({ at: '1ms', kill: 'p' }, { at: '2ms', run: 'primes', as: 'p' }),
      'script[2].kill',
      'p has been started by then',
    ],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the script's own placeholder
    ['the pid of nobody', withStep({ at: '1ms', run: 'gcore ${pid:x}' }), 'script[2].run', 'no program named x'],
    ['no such signal', withStep({ at: '1ms', kill: 'count', signal: 'NONE' }), 'script[2].signal', 'no signal NONE'],
    [
      'CPUs that are not there',
      withStep({ at: '1ms', run: 'primes', cpus: '0-4' }),
      'script[2].cpus',
      'does not exist',
    ],
    // Expectations that can never hold.
    [
      'a program that is never started',
      withExpectation({ process: 'primes', exit: 0 }),
      'expect[0].process',
      'no program named primes',
    ],
    [
      'a core that is not there',
      withExpectation({ process: 'count', onlyOn: [0, 5] }),
      'expect[0].onlyOn[1]',
      'no core 5',
    ],
    [
      'a stretch that ends before it begins',
      withExpectation({ from: '2s', to: '1s', busyCores: [0] }),
      'expect[0].to',
      'later',
    ],
    [
      'detection without a fault',
      withoutFault({ detectedWithin: '1s' }),
      'expect[0].detectedWithin',
      'no fault is planned',
    ],
    [
      'a detector without a fault',
      withoutFault({ detectedBy: ['heartbeat'] }),
      'expect[0].detectedBy',
      'no fault is planned',
    ],
    [
      'a self-test that is never made',
      withExpectation({ detectedBy: ['heartbeat', 'self-test'] }),
      'expect[0].detectedBy[1]',
      'no core tests itself',
    ],
    [
      'a copy that nobody makes',
      withExpectation({ detectedBy: ['duplicate'] }),
      'expect[0].detectedBy[0]',
      'nothing is executed twice',
    ],
    [
      'an outcome without a fault',
      withoutFault({ outcome: ['masked'] }),
      'expect[0].outcome[0]',
      'no fault is planned',
    ],
    [
      'completed in spite of a fault',
      withExpectation({ outcome: ['completed'] }),
      'expect[0].outcome[0]',
      'a fault is planned',
    ],
    [
      'recovery where there is none',
      { ...withExpectation({ outcome: ['recovered-exact'] }), machine: { recovery: 'none' } },
      'expect[0].outcome[0]',
      'recovery is none',
    ],
    [
      'a look after the end',
      withExpectation({ process: 'count', at: '200s', memory: { counter: 1 } }),
      'expect[0].at',
      'after the end',
    ],
  ])('is refused with the path of the key: %s', (_, value, key, what) => {
    const { key: at, what: said } = refusal(value);
    expect({ at, said }).toEqual({ at: key, said: expect.stringContaining(what) });
  });

  it('reads the same from JSON, from YAML, and from the builder', () => {
    const yaml = `
name: good
about: count loses its core
machine: { cores: 2, checkpointEvery: 100ms }  # small
script:
  - { at: 0s, run: count 10 20 }
  - { at: 50ms, fail: { process: count } }
expect:
  - { process: count, counts: [0, 9] }
`;
    const built = build('good', 'count loses its core', (s) => {
      s.machine({ cores: 2, checkpointEvery: '100ms' });
      const count = s.at('0s').run('count 10 20');
      s.at('50ms').fail(count);
      s.expect(count).counts(0, 9);
    });
    const expected = toScenario(GOOD, 'x');
    expect(parseScenario(JSON.stringify(GOOD), 'x')).toEqual(expected);
    expect(parseScenario(yaml, 'x', 'yaml')).toEqual(expected);
    expect(toScenario(built, 'x')).toEqual(expected);
  });

  it.each([
    ['json', '{', 'is not JSON'],
    ['yaml', 'name: [', 'is not YAML'],
    ['yaml', 'name: a\nname: b', 'is not YAML: Map keys must be unique'],
    ['yaml', `a: &a [x]\nb: &b [${'*a,'.repeat(50)}]\nc: [${'*b,'.repeat(50)}]`, 'no YAML that makes sense'],
    ['yaml', 'just text', 'expected object'],
  ] as const)('that is no %s is refused: %j', (format, text, message) => {
    expect(() => parseScenario(text, 'x', format)).toThrow(message);
  });

  it('can expect everything that the builder offers', () => {
    const built = build('all', 'every expectation', (s) => {
      s.machine({ cores: 2, checkpointEvery: '100ms', seed: 2 });
      const count = s.at('0s').run('count 10 20', { nice: 3, as: 'counter' });
      const shell = s.at('0s').run('sh /root/script');
      s.at('0s').run('spin 10', { as: 'idle', cpus: '1' });
      s.at('50ms').fail(count);
      s.at('300ms').kill({ name: 'idle', process: 'spin', child: () => count }, 'KILL');
      s.fault({ model: 'slow', factor: 2, trigger: { at: 'time', core: 1, ns: 400_000_000 } });

      s.expect(count).exits(0).counts(0, 9).writes('0\n1\n2\n3\n4\n5\n6\n7\n8\n9\n').writesMatch(/^0\n1/);
      s.expect(count).isRecovered().hasNice(3).holds({ counter: 10 }, '320ms').neverRunsOn([0, 1], { from: '10s' });
      s.expectRun().finishes().rollbacks({ min: 1, max: 2 }).recoveredWithin('100ms').detectedWithin('40ms');
      s.expectRun().detectedWithinInstructions(0).detectedBy('heartbeat', 'machine-check');
      s.expectRun().contractHolds().deadCoresStayIdle().outcome('recovered-exact', 'recovered-at-least-once');
      s.expect(shell).exits(127);
      s.expectFile('/root/none').exists(false);
      s.expectFile('/root/hello').holds('hello\n');
      s.expectFile('/root/hello').matches(/^hell/);
    });
    const files = [...shippedPrograms(), { path: '/root/hello', bytes: new TextEncoder().encode('hello\n') }];
    const { failures } = runScenario(toScenario(built, 'x'), { files });
    // Just those that are not so: it had ended by then, and never ran from 10 s on.
    expect(failures.map((line) => line.replace(/^expect\[\d+\]: /, ''))).toEqual([
      'counter holds nothing: it has no memory, not 10',
      'counter never ran from 10s on',
    ]);
  });

  it('knows by what a fault was noticed, and what the core had done by then', () => {
    const built = build('stuck', 'a stuck bit', (s) => {
      s.machine({ cores: 2, seed: 2, checkpointEvery: '20ms', detection: { selfTest: '50ms' } });
      s.at('0s').run('count 10 20');
      s.at('0s').run('primes 20000');
      s.fault({
        model: 'stuck-at',
        register: 'eflags',
        bit: 21,
        value: 1,
        trigger: { at: 'time', core: 1, ns: 60_000_000 },
      });
      s.expectRun().detectedBy('self-test').detectedWithinInstructions(100_000);
      s.expectRun().detectedBy('heartbeat', 'machine-check').detectedWithinInstructions(20);
    });
    const { failures, result } = runScenario(toScenario(built, 'x'), { files: shippedPrograms() });
    const { latencyInstructions } = result.events.find((event) => event.kind === 'fault-detected')!;
    expect(failures).toEqual([
      'expect[2]: the fault of core 1 was noticed by self-test, not by heartbeat or machine-check',
      `expect[3]: the fault of core 1 was noticed after ${latencyInstructions} instructions`,
    ]);
  });

  it('says what is the case where an expectation does not hold', () => {
    const value = withExpectation(
      { rollbacks: 3 },
      { recoveredWithin: '1ms' },
      { file: '/root/none', text: 'x' },
      { process: 'count', output: 'x' },
      { process: 'count', at: '30ms', registers: { eax: 12345 } },
    );
    const { failures } = runScenario(toScenario(value, 'x'), { files: shippedPrograms() });
    expect(failures).toEqual([
      'expect[0]: there were 1 recoveries, not 3',
      expect.stringMatching(/^expect\[1\]: what was lost with core \d ran again after \d+ ns$/),
      'expect[2]: /root/none cannot be read: ENOENT',
      expect.stringMatching(/^expect\[3\]: count wrote ".*", not "x"$/),
      expect.stringMatching(/^expect\[4\]: eax holds -?\d+, not 12345$/),
    ]);
  });

  it('has a published schema that names itself', () => {
    const file = fileURLToPath(new URL('../../../scenarios/scenario.schema.json', import.meta.url));
    const schema = JSON.parse(readFileSync(file, 'utf8'));
    expect(schema.$id).toMatch(/scenario\.schema\.json$/);
    expect(Object.keys(schema.properties)).toContain('script');
  });
}, 120_000);
