import { sysctlRows } from '../kernel-sim/sys/sysctl-nodes.ts';
import { SYSCALLS } from '../kernel-sim/sys/table.ts';
import { table } from './markdown.ts';

/** docs/syscalls.md */
export function syscallsPage(): string {
  const full = SYSCALLS.filter((row) => row.support === 'full').length;
  return [
    '# System calls',
    '',
    'What the simulated kernel answers, made from the rows in `kernel-sim/sys/`. Numbers and arguments are those of FreeBSD 9.0,',
    '`sys/kern/syscalls.master` (a few numbers are of later releases). Programs call by `int $0x80`: number in eax, arguments on the stack behind a',
    'return address; the carry flag says that eax is an errno. `syscall` (0) and `__syscall` (198) work as in FreeBSD.',
    '',
    'Any other number gives ENOSYS and one line in the kernel log. A number that 9.0 does not know (532 and up) also gets SIGSYS.',
    '',
    `${SYSCALLS.length} calls, ${full} of them full.`,
    '',
    table(
      ['Number', 'Name', 'Arguments', 'Support', 'Note'],
      SYSCALLS.map(({ number, name, args, support, note }) => [
        String(number),
        `\`${name}\``,
        args
          .filter(([, kind]) => kind !== 'pad')
          .map(([arg, kind]) => `${arg}: ${kind}`)
          .join(', '),
        support,
        note ?? '',
      ]),
    ),
    '',
    'Kinds of argument: `int` signed, `uint`, `size` and `ptr` unsigned 32-bit numbers, `off` a signed 64-bit number, `str` a pointer to text, `fd` a descriptor,',
    '`pid` a process.',
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
