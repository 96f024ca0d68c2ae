// Builds the guest programs: libc.a from libc/, then one static ELF per program, into guest/bin (committed); the compute
// programs, which have no libc and may use floating point; and guest/tree, a small file tree of dynamic programs (committed too).
// `--check` builds elsewhere and fails if a committed binary is not what the sources give.
// The bytes depend on the sources and the compiler's version only: every path handed to clang is relative to guest/.

import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const guestDir = dirname(fileURLToPath(import.meta.url));
/** What is built and committed: folders below guest/. */
const builtDirs = ['bin', 'tree'];
const testedClang = 14;

const processors = {
  i486: ['-march=i486', '-mno-80387', '-mno-mmx', '-mno-sse'], // FreeBSD 9.0's own default; in particular no cmov
  x87: ['-march=i686', '-mno-mmx', '-mno-sse', '-mfpmath=387'],
  sse2: ['-march=pentium4', '-msse2', '-mfpmath=sse'],
};
/** Programs of compute/: what they are called, which source, for which processor. */
const computePrograms = [
  { name: 'bytecode', source: 'bytecode', processor: 'i486' },
  { name: 'crc32', source: 'crc32', processor: 'i486' },
  { name: 'doubles', source: 'doubles', processor: 'x87' },
  { name: 'doubles-sse2', source: 'doubles', processor: 'sse2' },
  { name: 'integers', source: 'integers', processor: 'i486' },
  { name: 'long-doubles', source: 'long-doubles', processor: 'x87' },
  { name: 'printf-doubles', source: 'printf-doubles', processor: 'x87' },
  { name: 'quicksort', source: 'quicksort', processor: 'i486' },
  { name: 'rep-moves', source: 'rep-moves', processor: 'i486' },
  { name: 'sha256', source: 'sha256', processor: 'i486' },
];
const compileFlags = [
  '--target=i386-unknown-freebsd9.0',
  '-std=c11',
  '-O2',
  '-Wall',
  '-Wextra',
  '-Wshadow',
  '-Wmissing-prototypes',
  '-Werror',
  '-ffreestanding',
  '-nostdlibinc',
  '-fno-pic',
  '-fno-omit-frame-pointer',
  '-mno-omit-leaf-frame-pointer',
  '-fno-stack-protector',
  '-fno-asynchronous-unwind-tables',
  '-ffunction-sections',
  '-fdata-sections',
  '-fdebug-compilation-dir=.',
  '-Ilibc/include',
  '-Iprograms',
];
const linkFlags = [
  '-m',
  'elf_i386_fbsd',
  '-static',
  '--build-id=none',
  '--image-base=0x08048000',
  '-z',
  'separate-code',
  '-z',
  'norelro',
  '--no-rosegment', // text and constants in one segment at the image base, data in a second: the classic look
  '--gc-sections',
  '--fatal-warnings',
];

/** Of what is linked at run time. The program headers of a shared library need no interpreter, nor do its functions go through the program. */
const dynamicFlags = [
  '-m',
  'elf_i386_fbsd',
  '--build-id=none',
  '-z',
  'separate-code',
  '-z',
  'norelro',
  '--hash-style=sysv',
  '--gc-sections',
  '--fatal-warnings',
];
const interpreter = '/libexec/ld-elf.so.1';

class BuildError extends Error {}

/** Where a tool of LLVM is: $CLANG and so on, the plain name, then names with a version. */
function findTool(name) {
  const named = process.env[name.replaceAll(/[.-]/g, '_').toUpperCase()];
  const candidates = named ? [named] : [name, `${name}-${testedClang}`, `/usr/lib/llvm-${testedClang}/bin/${name}`];
  for (const candidate of candidates) {
    const probe = spawnSync(candidate, ['--version'], { encoding: 'utf8' });
    if (probe.status === 0) return { path: candidate, version: probe.stdout.split('\n', 1)[0] };
  }
  throw new BuildError(`${name} not found. On Debian: apt-get install clang lld llvm`);
}

function run(tool, args) {
  const result = spawnSync(tool.path, args, { cwd: guestDir, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status !== 0) throw new BuildError(`${tool.path} ${args.join(' ')}\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

/** All files under `dir` (relative to guest/) with one of the endings, sorted by path. */
function filesUnder(dir, endings) {
  return readdirSync(join(guestDir, dir), { recursive: true })
    .map((path) => `${dir}/${path}`)
    .filter((path) => endings.some((ending) => path.endsWith(ending)))
    .sort();
}

/**
 * programs/NAME.c makes NAME; so do all the .c files of a directory programs/NAME. Single files are what users look
 * at in a debugger, so they have all of DWARF; the larger tools have line numbers only, a third of the size.
 */
function listPrograms() {
  return readdirSync(join(guestDir, 'programs'), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() || entry.name.endsWith('.c'))
    .map((entry) => ({
      name: basename(entry.name, '.c'),
      debug: entry.isDirectory() ? ['-gdwarf-4', '-gline-tables-only'] : ['-gdwarf-4'],
      sources: entry.isDirectory() ? filesUnder(`programs/${entry.name}`, ['.c']) : [`programs/${entry.name}`],
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function buildAll(outDir) {
  const tools = {
    clang: findTool('clang'),
    lld: findTool('ld.lld'),
    ar: findTool('llvm-ar'),
    objdump: findTool('llvm-objdump'),
  };
  const scratch = mkdtempSync(join(tmpdir(), 'coreback-guest-'));
  try {
    const compile = (source, extra = [], processor = 'i486') => {
      const kind = extra.find((flag) => flag === '-fPIC' || flag === '-fPIE') ?? '';
      const object = join(scratch, `${source.replaceAll('/', '-')}-${processor}${kind}.o`);
      run(tools.clang, [...compileFlags, ...processors[processor], ...extra, '-c', source, '-o', object]);
      return object;
    };
    const objects = filesUnder('libc', ['.c', '.S']).map((source) => compile(source));
    const isCrt = (object) => basename(object).startsWith('libc-crt-');
    const archive = join(scratch, 'libc.a');
    run(tools.ar, ['--format=gnu', 'rcsD', archive, ...objects.filter((object) => !isCrt(object))]);

    const binDir = join(outDir, 'bin');
    mkdirSync(binDir, { recursive: true });
    const programs = listPrograms();
    for (const { name, debug, sources } of programs) {
      const out = join(binDir, name);
      const own = sources.map((source) => compile(source, debug));
      run(tools.lld, [...linkFlags, '-o', out, ...objects.filter(isCrt), ...own, archive]);
      refuseFloatingPoint(tools.objdump, out);
    }
    for (const { name, source, processor } of computePrograms) {
      const out = join(binDir, name);
      const extra = ['-gdwarf-4', '-mstackrealign', '-fno-builtin-memcpy', '-fno-builtin-memset'];
      const shim = processor === 'i486' ? ['shim'] : ['shim', 'shim-doubles'];
      const own = [...shim, source].map((file) => compile(`compute/${file}.c`, extra, processor));
      run(tools.lld, [...linkFlags, '-o', out, ...own]);
      if (processor === 'i486') refuseFloatingPoint(tools.objdump, out);
    }
    buildTree(join(outDir, 'tree'), compile, tools);
    return tools;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A FreeBSD file tree in small: run-time linker, shared libraries, and a program that is linked with them in both ways. */
function buildTree(treeDir, compile, { lld, objdump }) {
  const out = (path) => {
    mkdirSync(dirname(join(treeDir, path)), { recursive: true });
    return join(treeDir, path);
  };
  const pic = ['-fPIC', '-Idynamic/libtally'];
  const pie = ['-fPIE', '-gdwarf-4', '-Idynamic/libtally'];
  const linker = filesUnder('dynamic/rtld', ['.c', '.S']).map((source) =>
    compile(source, ['-fPIC', '-fvisibility=hidden', '-fno-builtin']),
  );
  run(lld, [...dynamicFlags, '-shared', '-Bsymbolic', '-e', '_start', '-o', out(interpreter), ...linker]);
  const libc = filesUnder('libc', ['.c', '.S']).filter((source) => !source.startsWith('libc/crt/'));
  const library = (path, objects) => {
    const soname = ['-soname', basename(path)];
    run(lld, [...dynamicFlags, '-shared', '-Bsymbolic-functions', ...soname, '-o', out(path), ...objects]);
    return join(treeDir, path);
  };
  const libcPath = library(
    'lib/libc.so.7',
    libc.map((source) => compile(source, pic)),
  );
  // Its functions may be replaced, so that addresses of them are relocations with a symbol.
  const libtally = join(treeDir, 'usr/lib/libtally.so.1');
  run(lld, [
    ...dynamicFlags,
    '-shared',
    '-soname',
    'libtally.so.1',
    '-o',
    out('usr/lib/libtally.so.1'),
    compile('dynamic/libtally/tally.c', pic),
  ]);
  const crt = filesUnder('libc/crt', ['.c', '.S']);
  const program = (path, how, flags) => {
    const own = [...crt, 'dynamic/tally.c'].map((source) => compile(source, flags));
    // break(2) starts from the end of the program, which libc has to find.
    const loader = ['--dynamic-linker', interpreter, '--export-dynamic-symbol=_end'];
    run(lld, [...dynamicFlags, ...how, ...loader, '-o', out(path), ...own, libtally, libcPath]);
  };
  program('usr/bin/tally', ['--image-base=0x08048000'], ['-gdwarf-4', '-Idynamic/libtally']);
  program('usr/bin/tally-pie', ['-pie'], pie);
  for (const path of treeFiles(treeDir)) refuseFloatingPoint(objdump, join(treeDir, path));
}

/** Files below a folder, as paths relative to it, sorted. */
const treeFiles = (dir) =>
  readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();

/** Our libc neither saves nor uses x87, MMX and SSE registers; programs for an i486 have no such instruction. */
function refuseFloatingPoint(objdump, path) {
  const listing = run(objdump, ['-d', '--no-show-raw-insn', path]);
  const floating = /^\s*[0-9a-f]+:\s+(f[a-z0-9]+|emms|[a-z0-9]+\b.*%(?:x?mm\d|st\b)|cmov[a-z]+)/;
  const bad = listing.split('\n').filter((line) => floating.test(line));
  if (bad.length > 0)
    throw new BuildError(`${path}: instructions the guest must not use:\n${bad.slice(0, 5).join('\n')}`);
}

function build() {
  for (const dir of builtDirs) rmSync(join(guestDir, dir), { recursive: true, force: true });
  buildAll(guestDir);
  for (const name of builtFiles(guestDir)) {
    const bytes = readFileSync(join(guestDir, name));
    console.log(`${String(bytes.length).padStart(7)}  ${name}`);
  }
}

/** What is there of what is built, as paths relative to `base`. */
const builtFiles = (base) =>
  builtDirs.flatMap((dir) =>
    existsSync(join(base, dir)) ? treeFiles(join(base, dir)).map((path) => join(dir, path)) : [],
  );

function check() {
  const freshDir = mkdtempSync(join(tmpdir(), 'coreback-guest-check-'));
  try {
    const tools = buildAll(freshDir);
    const fresh = builtFiles(freshDir);
    const committed = builtFiles(guestDir);
    const complaints = [];
    for (const name of fresh) {
      if (!committed.includes(name)) complaints.push(`guest/${name}: not there`);
      else if (!readFileSync(join(freshDir, name)).equals(readFileSync(join(guestDir, name))))
        complaints.push(`guest/${name}: has other bytes than the sources give`);
    }
    for (const name of committed) if (!fresh.includes(name)) complaints.push(`guest/${name}: there without a source`);
    if (complaints.length > 0) {
      throw new BuildError(
        `${complaints.join('\n')}\nRun npm run guest:build and commit guest/bin and guest/tree. They are built with clang ` +
          `${testedClang}; this one is: ${tools.clang.version}`,
      );
    }
    console.log(`guest/bin, guest/tree: ${fresh.length} files, all as their sources say`);
  } finally {
    rmSync(freshDir, { recursive: true, force: true });
  }
}

try {
  if (process.argv.includes('--check')) check();
  else build();
} catch (error) {
  if (!(error instanceof BuildError)) throw error;
  console.error(`guest/build: ${error.message}`);
  process.exitCode = 1;
}
