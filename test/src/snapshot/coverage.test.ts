import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { sameValue } from '../../../emu/base/same-value.ts';
import { System } from '../../../src/system.ts';
import { boot, LIMITS, WORKLOADS } from '../../support/workloads.ts';

interface Fields {
  /** In the snapshot: a restored object has them as they were. */
  readonly kept: readonly string[];
  /** Not in the snapshot, each with the reason why nothing is lost. */
  readonly derived: Readonly<Record<string, string>>;
}

/** Every class with an object in a System. A field that is in neither list makes the test below fail. */
const CLASSES: Readonly<Record<string, Fields>> = {
  System: {
    kept: ['kernel', 'machine', 'config', 'log'],
    derived: { listeners: "the host's" },
  },
  Machine: {
    kept: ['nowNs', 'cores', 'generator', 'schedule', 'faults', 'open'],
    derived: {
      config: 'fixed; a System compares its own',
      engine: 'holds nothing between two runs but what it makes of the code again',
      handler: 'its state is the kernel',
      quiet: 'holds nothing between two runs but how long nobody has trapped, which only saves work',
      emit: 'fixed',
    },
  },
  CoreState: {
    kept: ['id', 'i32', 'u8', 'f32', 'f64'],
    derived: {
      tables: 'follow from the thread on the core (kern/snapshot.ts)',
      tscBase: 'set before each run of the engine',
      retired: 'what the last run of the engine said',
    },
  },
  FaultInjector: {
    kept: ['plan', 'state', 'cores'],
    derived: {
      emit: 'fixed',
      site: 'fixed',
      stepping: 'told what to do before each run',
      byTrigger: 'follows from plan',
    },
  },
  FaultGenerator: {
    kept: ['nextPollNs', 'deadlineNs', 'answered', 'missed', 'reported'],
    derived: { config: 'fixed' },
  },
  Schedule: { kept: ['prng'], derived: { config: 'fixed' } },
  Prng: { kept: ['a', 'b', 'c', 'd'], derived: {} },
  Kernel: {
    kept: ['config', 'state', 'spaces', 'pcbs', 'copies', 'cores', 'current', 'clockNs'],
    derived: {
      deadline: 'worked out again for other tables',
      sink: 'fixed',
      endedSpaces: 'only saves work',
      faults: "the machine's",
      callTracer: "the host's: it only looks",
      runOn: "the machine's",
      hostFolders: "the host's: what was read of it is in the vnodes",
    },
  },
  AddressSpace: {
    kept: ['resident', 'dirty'],
    derived: {
      memory: 'the pages are compared below',
      u8: 'a view of memory',
      u16: 'a view of memory',
      i32: 'a view of memory',
      perm: 'follows from attr; the pages are compared below',
      attr: 'the pages are compared below',
      codeCache: "the engine's, and dropped page by page where bytes change",
      sorted: 'follows from resident',
      base: 'only saves work',
      saved: 'no trial goes on between two runs',
      hasTrials: 'only says what is to be saved',
      disposed: 'never in a living system',
    },
  },
};

const HERE = 'test/src/snapshot/coverage.test.ts';

const adviceFor = (name: string, field: string): string =>
  `${name}.${field} is a new field. If the future of a run depends on it, put it into the snapshot (snapshot() and restore() of ${name}, or kern/snapshot.ts) and name it under \`kept\` of ${name} in ${HERE}; if it follows from other things or belongs to the host, name it under \`derived\` there, with the reason.`;

const isPlain = (value: object): boolean =>
  Array.isArray(value) ||
  value instanceof Map ||
  value instanceof Set ||
  ArrayBuffer.isView(value) ||
  [Object.prototype, null].includes(Object.getPrototypeOf(value));

/** Walks everything that is state: every object behind kept fields, with its path. */
function walk(root: object, visit: (path: string, value: object) => void): void {
  const seen = new Set<object>();
  const go = (path: string, value: unknown): void => {
    if (typeof value === 'function') throw new Error(`${path} is a function: it cannot be kept`);
    if (typeof value !== 'object' || value === null || seen.has(value)) return;
    seen.add(value);
    visit(path, value);
    if (ArrayBuffer.isView(value)) return;
    if (value instanceof Map || value instanceof Set)
      for (const [key, item] of value.entries()) go(`${path}[${key}]`, item);
    else if (isPlain(value)) for (const [key, item] of Object.entries(value)) go(`${path}.${key}`, item);
    else for (const key of CLASSES[value.constructor.name]?.kept ?? []) go(`${path}.${key}`, Reflect.get(value, key));
  };
  go('system', root);
}

/** The values of all that is kept, by path, to be compared. */
function contents(system: System): Map<string, unknown> {
  const found = new Map<string, unknown>();
  walk(system, (path, value) => {
    if (value instanceof Set) found.set(path, [...value].sort());
    else if (isPlain(value)) found.set(path, ArrayBuffer.isView(value) ? value : shallow(value));
    else
      for (const key of CLASSES[value.constructor.name]!.kept)
        found.set(`${path}.${key}`, leaf(Reflect.get(value, key)));
  });
  for (const [id, space] of system.kernel.spaces) {
    for (const page of space.residentPages()) {
      found.set(`space ${id}, page ${page}`, [space.permOf(page), space.peek(page * 4096, 4096)]);
    }
  }
  return found;
}

const leaf = (value: unknown): unknown => (typeof value === 'object' && value !== null ? 'object' : value);
const shallow = (value: object): unknown =>
  value instanceof Map
    ? new Map([...value].map(([key, item]) => [key, leaf(item)]))
    : Object.fromEntries(Object.entries(value).map(([key, item]) => [key, leaf(item)]));

/** What is wrong with the table or the classes, with what to do about it. */
function problemsOf(system: System): string[] {
  const problems: string[] = [];
  walk(system, (path, value) => {
    if (isPlain(value)) return;
    const { name } = value.constructor;
    const fields = CLASSES[name];
    if (!fields) {
      problems.push(
        `${path} is a ${name}, a class that no snapshot knows: state is plain data in kernel-sim/kern/state.ts, or a class with snapshot() and restore() that stands in CLASSES of ${HERE}`,
      );
      return;
    }
    const named = [...fields.kept, ...Object.keys(fields.derived)];
    for (const field of Object.keys(value)) if (!named.includes(field)) problems.push(adviceFor(name, field));
    for (const field of named) if (!(field in value)) problems.push(`${name} has no field ${field} any more: ${HERE}`);
  });
  return problems;
}

describe.each(WORKLOADS)('what a snapshot holds: $name', (workload) => {
  const system = boot(workload, 1);
  const end = boot(workload, 1);
  end.run(LIMITS);
  system.run({ pauseInstructions: Math.floor(end.machine.retired / 2) });

  it('every field of every class is kept, or is named as derived', () => {
    expect(problemsOf(system)).toEqual([]);
  });

  it('a system made from it has the same in every one of them', () => {
    const copy = System.from(system.snapshot());
    const [expected, actual] = [contents(system), contents(copy)];
    expect([...actual.keys()].sort()).toEqual([...expected.keys()].sort());
    for (const [path, value] of expected) {
      if (!sameValue(actual.get(path), value)) expect(actual.get(path), `${path} is not what it was`).toEqual(value);
    }
  });
});

it('a new field is noticed, with what to do about it', () => {
  const system = boot(WORKLOADS[1]!, 1);
  Object.assign(system.machine.generator, { novelty: 1 });
  expect(problemsOf(system)).toEqual([expect.stringContaining('FaultGenerator.novelty is a new field. If the future')]);
});

describe('state outside objects', () => {
  /** Variables and caches of modules, each with the reason why a run does not depend on what it held before. */
  const KNOWN: Readonly<Record<string, string>> = {
    'emu/memory/address-space.ts: freeMemories': 'memories that are all zero',
    'emu/fpu/series.ts: constants': 'constants, worked out once',
    'emu/fpu/transcendental.ts: significand': 'a second result of a function, read at once',
    'emu/fpu/transcendental.ts: power': 'a second result of a function, read at once',
    'emu/fpu/remainder.ts: halfExponent': 'a second result of a function, read at once',
    'emu/interp/soft-float.ts: inexact': 'a second result of a function, read at once',
    'emu/interp/interpreter.ts: warm': 'whether V8 has seen the hot loop',
    'emu/interp/interpreter.ts: retiredCold': 'how far it is from that',
    'emu/jit/flag-helpers.ts: helperModule': 'a constant, worked out once',
    'src/default-engine.ts: shared': 'an engine: holds nothing between two runs but what it makes of the code again',
    'emu/isa/decode.ts: modrmOf': 'follows from the opcode rows',
    'emu/unicorn/guard.ts: eferOffsets': 'where a library keeps a register: found by trial, the same always',
    'emu/unicorn/kernel-half.ts: presentPages': 'what stands in page tables that follow from the space',
    'kernel-sim/kern/runq.ts: EMPTY': 'a constant',
    'kernel-sim/sys/table.ts: byNumber': 'follows from the rows',
    'kernel-sim/vfs/file-data.ts: withChecksums': 'follows from the contents of files',
    'src/restart/restart-program.ts: inputsOfCore': 'follows from the contents of files',
    'kernel-sim/kern/regs.ts: rawLdts': 'the same descriptors in another form',
  };

  const PATTERNS = [
    /^(?:export )?let (\w+)/gm,
    /^(?:export )?const (\w+)\b[^=\n]*= (?:new (?:Weak)?(?:Map|Set)\b[^(\n]*\(\)|\[\];|\{\};)/gm,
  ];

  it('is known', () => {
    const found: string[] = [];
    for (const folder of ['emu', 'kernel-sim', 'src']) {
      for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
        if (!name.endsWith('.ts') || name.endsWith('.d.ts') || /^(cli|host)\//.test(name)) continue;
        const source = readFileSync(`${folder}/${name}`, 'utf8');
        for (const pattern of PATTERNS) {
          for (const [, variable] of source.matchAll(pattern)) found.push(`${folder}/${name}: ${variable}`);
        }
      }
    }
    const unknown = found.filter((entry) => !(entry in KNOWN));
    expect(
      unknown,
      `are in no snapshot: move them into the state, or say in KNOWN of ${HERE} why no run depends on them`,
    ).toEqual([]);
    expect(Object.keys(KNOWN).filter((entry) => !found.includes(entry))).toEqual([]);
  });
});
