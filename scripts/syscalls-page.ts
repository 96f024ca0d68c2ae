import { ARG_KINDS } from '../kernel-sim/sys/row.ts';
import { sysctlRows } from '../kernel-sim/sys/sysctl-nodes.ts';
import { SYSCALLS } from '../kernel-sim/sys/table.ts';
import { table } from './markdown.ts';

const RETURNS = { ptr: 'an address', off: 'a 64-bit number', pair: 'two numbers' } as const;

const STRACE = [
  '## Traces: `--strace`',
  '',
  '`coreback run --strace FILE ...` (and `resume`, `restart`, `shell`, `demo`) writes a line for each call that ends, each signal that takes effect and each end of a',
  "process; `--strace -` writes to standard error, since standard output is the guest's. `scenario --out FOLDER` writes `strace.txt`. In programs:",
  '`recordStrace(system, sink)` and `straceLine(record)`. The run is the same with and without: same digest.',
  '',
  '```text',
  '   0.006159100 core1 pid 5/100004 sh  execve("/bin/cat", 0x8052ccc, 0xbfbfee80) = JUSTRETURN',
  '   0.006216300 core1 pid 5/100004 cat  open("/bin/none", O_RDONLY) = -1 ENOENT',
  '   0.006156000 core2 pid 6/100005 cat  read(0, 0x804a838, 16384) <unfinished ...>',
  '   0.006414600 core1 pid 5/100004 cat  write(2, "cat: /bin/none: No such file or "..., 42) = 42',
  '   0.006439400 core1 pid 5/100004 cat  exit(1) = ?',
  '   0.006439400 core1 pid 5 cat  +++ exited with 1 +++',
  '   0.006459400 core2 pid 6/100005 cat  <... resumed> read(0, "", 16384) = 0',
  '   0.008100900 core1 pid 7/100006 segv  --- SIGSEGV code 1 addr 0x0: default action ---',
  '   0.008100900 core1 pid 7 segv  +++ killed by SIGSEGV +++',
  '```',
  '',
  '- Virtual time in seconds (of the core), core, process and thread, name of the process. The lines are in the order in which the kernel serves the calls; times',
  '  of two cores may lie up to one round of the interleaving apart.',
  '- A call that sleeps has two lines: `<unfinished ...>` when its first sleep begins, `<... resumed>` with the result when it ends.',
  '- `= -1 ENOENT`: an error. `= ERESTART`: a signal came; the call is made again. `= JUSTRETURN`: the call has set the registers itself (`execve`, `sigreturn`).',
  '  `= ?`: nobody is left to return to. `syscall 600()`: a number that is not in the table.',
  '- Paths (up to 256 bytes) and buffers (up to 32) are shown as C strings, with `...` where there is more. What lies in a page that is not resident, before the call and',
  '  after it, is shown as its address: looking must not change the run. Structures are shown as their addresses, flags by name, unknown bits in hexadecimal.',
  '- After a recovery there is a line `+++ goes on from where it was at 5 s: core 2 has failed +++`, and the calls since then appear again.',
  '',
];

/** docs/syscalls.md */
export function syscallsPage(): string {
  const full = SYSCALLS.filter((row) => row.support === 'full').length;
  return [
    '# System calls',
    '',
    'What the simulated kernel answers, made from the rows in `kernel-sim/sys/`. Numbers and arguments are those of FreeBSD 9.0,',
    '`sys/kern/syscalls.master` (a few are of later releases: column "Since"). Programs call by `int $0x80`: number in eax, arguments on the stack behind a',
    'return address; the carry flag says that eax is an errno. `syscall` (0) and `__syscall` (198) work as in FreeBSD.',
    '',
    'Any other number gives ENOSYS and one line in the kernel log. A number that 9.0 does not know (532 and up) also gets SIGSYS.',
    '',
    `${SYSCALLS.length} calls, ${full} of them full.`,
    '',
    table(
      ['Number', 'Name', 'Arguments', 'Since', 'Support', 'Note'],
      SYSCALLS.map(({ number, name, args, returns, since, support, note }) => [
        String(number),
        `\`${name}\``,
        args
          .filter(([, kind]) => kind !== 'pad')
          .map(([arg, kind]) => `${arg}: ${kind}`)
          .join(', ') + (returns ? `; returns ${RETURNS[returns]}` : ''),
        since ?? '',
        support,
        note ?? '',
      ]),
    ),
    '',
    'Kinds of argument, with the direction of what an address leads to:',
    '',
    table(
      ['Kind', 'What it is'],
      Object.entries(ARG_KINDS)
        .filter(([kind]) => kind !== 'pad')
        .map(([kind, { about }]) => [`\`${kind}\``, about]),
    ),
    '',
    ...STRACE,
    '',
    '## sysctl',
    '',
    `${sysctlRows.length} names. A name that is not here gives ENOENT and one line in the kernel log.`,
    '',
    table(
      ['Name', 'Number', 'Kind', 'Description'],
      sysctlRows.map(({ name, mib, kind, description }) => [`\`${name}\``, mib.join('.'), kind, description]),
    ),
    '',
  ].join('\n');
}
