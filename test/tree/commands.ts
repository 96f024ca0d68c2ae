/**
 * What is run in a FreeBSD tree, and what it has to print. Scripts run in /tmp/work, where the files of `inputs.ts` are, with the
 * shell of the tree. Programs that a tree has not are left out, with a line that says so.
 */
export interface TreeCommand {
  readonly name: string;
  /** For the tree's /bin/sh. */
  readonly script: string;
  /** Programs of the tree that it needs. */
  readonly programs: readonly string[];
  /** What it prints, or `host`: what the host's /bin/sh prints for `hostScript`, or for the same script. */
  readonly expected: string | RegExp | 'host';
  readonly hostScript?: string;
  /** The program under which a core fails in the second run: the first of `programs`, or sh, when absent. */
  readonly victim?: string;
  /** Why there is no second run. */
  readonly faultless?: string;
}

/** docs/recovery.md, Trees: a process that is lost before the first checkpoint of its tree goes back alone. */
const SHORT = 'over before the first checkpoint of the tree';
const CHANGES = 'a time, pids or cores are in its results';

/** Text tools that every Unix has: the host's are the oracle. */
// biome-ignore format: a command a line
const TEXT: readonly TreeCommand[] = [
  { name: 'sort', script: 'sort -n numbers', programs: ['sort'], expected: 'host', victim: 'sort' },
  { name: 'sort-keys', script: 'sort -k2,2nr -k1,1n numbers', programs: ['sort'], expected: 'host' },
  { name: 'sort-unique', script: "sort -u -t' ' -k1,1 words | wc -l | tr -d ' '", programs: ['sort'], expected: 'host' },
  { name: 'sed', script: "sed -n 's/^\\(.\\)\\([a-z]*\\)/\\2-\\1/;10,40p' words", programs: ['sed'], expected: 'host' },
  {
    name: 'awk',
    script: `awk '{n[$2 % 7] += $1; s = s + $1 * NR % 1000} END {for (i = 0; i < 7; i++) print i, n[i]; printf "%d %.3f %s\\n", s, s / NR, substr("abcdef", 2, 3)}' numbers`,
    programs: ['awk'],
    expected: 'host',
    victim: 'awk',
  },
  { name: 'grep', script: "grep -c 7 numbers; grep -E '^(1|2)+ ' numbers; grep -v '[02468]$' numbers | sed 5q", programs: ['grep'], expected: 'host', faultless: SHORT },
  { name: 'find', script: 'mkdir -p d/e/f; touch d/a d/e/b d/e/f/c; find d -type f | sort; find d -name c | xargs ls', programs: ['find', 'xargs'], expected: 'host' },
  { name: 'cut-tr-uniq', script: "cut -c1-2 words | tr a-z A-Z | sort | uniq -c | sort -rn | sed 's/^ *//;12q'", programs: ['cut', 'tr', 'uniq', 'sort'], expected: 'host' },
  { name: 'diff', script: 'sed 3d words > other; diff words other; diff -u words other | sed 1,2d; cmp words words', programs: ['diff'], expected: 'host' },
  { name: 'od', script: '(head -c 200 words | od -c; head -c 100 words | od -An -tx1) | tr -s " " | sed "s/ *$//"', programs: ['od', 'head', 'tr', 'sed'], expected: 'host', faultless: SHORT },
  { name: 'bc', script: "echo '2^200; scale=40; 4*a(1); e(1); sqrt(2)' | bc -l", programs: ['bc'], expected: 'host' },
  { name: 'expr-printf', script: "expr 6 \\* 7; printf '%05d|%-5s|%x|%o|%e\\n' 42 hi 255 8 1.5; basename /a/b.c .c; dirname /a/b", programs: ['printf'], expected: 'host' },
  { name: 'date', script: 'date -u -r 1234567890 +%Y-%m-%dT%H:%M:%S', hostScript: 'date -u -d @1234567890 +%Y-%m-%dT%H:%M:%S', programs: ['date'], expected: 'host' },
  { name: 'cksum', script: 'cksum words numbers', programs: ['cksum'], expected: 'host' },
  { name: 'md5', script: 'md5 -q words; sha256 -q numbers', hostScript: "md5sum < words | cut -d' ' -f1; sha256sum < numbers | cut -d' ' -f1", programs: ['md5', 'sha256'], expected: 'host', victim: 'md5' },
];

/** Archives are written by one program and read by another, or go out and come back. */
// biome-ignore format: a command a line
const ARCHIVES: readonly TreeCommand[] = [
  { name: 'gzip', script: 'gzip -9 < numbers > n.gz; gunzip < n.gz | cmp - numbers; gzip -dc given.gz', hostScript: 'gzip -dc given.gz', programs: ['gzip'], expected: 'host', victim: 'gzip' },
  { name: 'bzip2', script: 'bzip2 < numbers > n.bz2; bunzip2 < n.bz2 | cmp - numbers && echo same', programs: ['bzip2'], expected: 'same\n', victim: 'bzip2' },
  { name: 'xz', script: 'xz -c numbers > n.xz; xz -dc n.xz | cmp - numbers && echo same', programs: ['xz'], expected: 'same\n' },
  { name: 'tar', script: 'tar cf t.tar words numbers; mkdir u; tar xf t.tar -C u; diff -r u/words words; tar tf t.tar; tar czf t.tgz words; tar tzf t.tgz', programs: ['tar'], expected: 'words\nnumbers\nwords\n' },
  { name: 'cpio', script: 'ls words numbers | cpio -o 2>/dev/null | cpio -t 2>/dev/null', programs: ['cpio'], expected: 'numbers\nwords\n' },
];

/** The shells themselves, and what only many processes show. */
const SHELL: readonly TreeCommand[] = [
  {
    name: 'sh',
    script: `f() { local x=1; return 4; }; f; echo $?; set -- a b c; shift; echo $# $*
for i in 1 2 3; do echo $((i * i)); done | sort -r
case abc in a*) echo yes;; esac; while read a b; do echo "$b $a"; done <<EOF
one two $((6 * 7))
EOF
trap 'echo bye' EXIT; trap 'echo usr1' USR1; kill -USR1 $$; (exit 3); echo $?; x=/a/b/c; echo \${x%/*} \${x##*/} \${y:-def} \${#x}`,
    programs: [],
    expected: 'host',
  },
  {
    name: 'sh-children',
    script: 'sleep 5 & kill $!; wait $!; echo $?; for i in 1 2 3; do (sleep 0.0$i; echo $i) & done; wait',
    programs: [],
    expected: 'Terminated\n143\n1\n2\n3\n',
    faultless: SHORT,
  },
  {
    name: 'pipeline',
    script:
      "awk '{print $1 * 7919 % 10007, $2}' numbers | sort -n | sed 's/ /:/' | awk -F: '{t += $1 * NR; print t % 1000}' | sort | uniq -c | sort -rn | sed 's/^ *//;8q'",
    programs: ['awk', 'sort', 'sed', 'uniq'],
    expected: 'host',
    victim: 'sort',
  },
  {
    name: 'fork-tree',
    script:
      "for i in 1 2 3 4; do (awk -v n=$i 'NR % n == 0 {x += $1 * $1} END {print x % 100003}' numbers > out.$i) & done; wait; cat out.1 out.2 out.3 out.4",
    programs: ['awk'],
    expected: 'host',
    victim: 'awk',
  },
  {
    name: 'tcsh',
    script: "tcsh -f -c 'set a=(x y z); echo $a[2] $#a; @ n = 3 * 4; echo $n; if (-e /etc/passwd) echo there'",
    programs: ['tcsh'],
    expected: 'y 3\n12\nthere\n',
  },
  {
    name: 'env',
    script: 'env -i A=b env; nice echo a; nohup echo b 2>/dev/null; time true 2>/dev/null; which sh',
    programs: ['env', 'nohup', 'which'],
    expected: 'A=b\na\nb\n/bin/sh\n',
  },
];

/** Programs that look at the machine. */
// biome-ignore format: a command a line
const SYSTEM: readonly TreeCommand[] = [
  { name: 'ps', script: 'ps -o pid,ppid,command -p $$; true', programs: ['ps'], expected: /^ +PID +PPID COMMAND\n +2 +1 \/bin\/sh -c ps -o pid/ },
  { name: 'top', script: 'top -b 3; true', programs: ['top'], expected: /3 processes:.*CPU\d +\d +0:00 +[\d.]+% top\n/s, faultless: CHANGES },
  { name: 'procstat', script: 'procstat -c $$; procstat -v $$ | grep -c libc.so; procstat -f $$ | grep -c /dev/console', programs: ['procstat'], expected: /COMM +ARGS *\n +2 sh +\/bin\/sh -c .*\n2\n3\n$/ },
  { name: 'sysctl', script: 'sysctl -n kern.ostype hw.ncpu hw.pagesize p1003_1b.pagesize; sysctl -a > all; echo $?', programs: ['sysctl'], expected: 'FreeBSD\n4\n4096\n4096\n0\n', faultless: CHANGES },
  { name: 'truss', script: 'truss -o calls echo hello; grep -c writev calls; tail -1 calls', programs: ['truss'], expected: /^hello\n1\nprocess exit, rval = 0\s*$/ },
  { name: 'stat', script: 'echo abc > f; chmod 640 f; ln f g; stat -f "%N %l %z %Sp" g; ln -s f h; readlink h; touch -t 201101020304 f; stat -f %m f; ls -l f', programs: ['stat', 'touch'], expected: /^g 2 4 -rw-r-----\nf\n1293937440\n-rw-r----- +2 root +wheel +4 Jan +2 +2011 f\n$/ },
  { name: 'ifconfig', script: 'ifconfig -l; ifconfig lo0 2>/dev/null | grep "inet "; true', programs: ['ifconfig'], expected: 'lo0\n\tinet 127.0.0.1 netmask 0xff000000 \n' },
  { name: 'id', script: 'id -u; id -un; su -m nobody -c "id -un"; su -m nobody -c "touch /etc/x" 2>&1; true', programs: ['id', 'su'], expected: /^0\nroot\nnobody\ntouch: \/etc\/x: Permission denied\n$/ },
  { name: 'limits-df', script: 'df / | wc -l | tr -d " "; mount; ulimit -n', programs: [], expected: /^2\ntmpfs on \/ \(tmpfs, local\)\ndevfs on \/dev \(devfs, local, multilabel\)\n\d+\n$/ },
  { name: 'dd', script: 'dd if=/dev/zero of=z bs=1k count=5 seek=2 2>/dev/null; wc -c < z | tr -d " "; rm z; test -e z || echo gone', programs: ['dd'], expected: '7168\ngone\n' },
];

/** Larger programs, and those of ports. */
// biome-ignore format: a command a line
const APPLICATIONS: readonly TreeCommand[] = [
  { name: 'openssl', script: 'openssl dgst -sha256 < words | sed "s/.*= //"; openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 000102030405060708090a0b0c0d0e0f -in words | md5 -q', hostScript: 'openssl dgst -sha256 < words | sed "s/.*= //"; openssl enc -aes-128-cbc -K 00112233445566778899aabbccddeeff -iv 000102030405060708090a0b0c0d0e0f -in words | md5sum | cut -d" " -f1', programs: ['openssl'], expected: 'host', victim: 'openssl' },
  { name: 'openssl-rsa', script: 'openssl genrsa 512 2>/dev/null > k; openssl rsa -in k -noout -check; echo secret > m; openssl dgst -sha1 -sign k m > s; openssl rsa -in k -pubout > p 2>/dev/null; openssl dgst -sha1 -verify p -signature s m', programs: ['openssl'], expected: 'RSA key ok\nVerified OK\n', victim: 'openssl' },
  { name: 'ssh-keygen', script: 'ssh-keygen -q -t rsa -b 768 -N "" -f k; ssh-keygen -l -f k.pub | cut -d" " -f1', programs: ['ssh-keygen'], expected: '768\n' },
  { name: 'lua', script: `cat > p.lua <<'EOF'\nlocal t = {}\nfor line in io.lines("numbers") do local _, _, a = string.find(line, "(%d+)"); table.insert(t, tonumber(a)) end\ntable.sort(t)\nprint(table.getn(t), t[1], t[table.getn(t)], string.format("%.2f", math.sqrt(2)))\nEOF\nlua50 p.lua`, programs: ['lua50'], hostScript: "echo $(wc -l < numbers) $(sort -n numbers | sed 's/ .*//;1q') $(sort -rn numbers | sed 's/ .*//;1q') 1.41 | tr ' ' '\\t'", expected: 'host', victim: 'lua50' },
  { name: 'php', script: `cat > p.php <<'EOF'\n<?php $s = stream_socket_server("tcp://127.0.0.1:8765"); $c = stream_socket_client("tcp://127.0.0.1:8765"); $a = stream_socket_accept($s);\nfwrite($c, "ping\\n"); echo fgets($a); $n = file("numbers"); echo count($n), " ", array_sum($n), " ", md5(implode("", $n)), "\\n"; preg_match("/(\\d+)-(\\d+)/", "12-34", $m); echo $m[2], "\\n";\nEOF\nphp -n -d html_errors=0 p.php | sed 1,3d`, hostScript: `echo ping; echo $(wc -l < numbers) $(awk '{s += $1} END {print s}' numbers) $(md5sum < numbers | cut -d' ' -f1); echo 34`, programs: ['php'], expected: 'host', victim: 'php' },
  { name: 'sqlite', script: 'sqlite3 x.db "create table t(a, b); insert into t values(1, 2); insert into t select a + 1, b * 3 from t; insert into t select a + 2, b * 5 from t; select sum(a), max(b) from t; pragma integrity_check"', programs: ['sqlite3'], expected: '10|30\nok\n', victim: 'sqlite3' },
  { name: 'xmllint', script: 'echo "<a><b/>x</a>" | xmllint --format -', programs: ['xmllint'], expected: '<?xml version="1.0"?>\n<a><b/>x</a>\n' },
  { name: 'nc', script: '(echo hello | nc -l 127.0.0.1 4000 & sleep 0.2; nc 127.0.0.1 4000; wait)', programs: ['nc'], expected: 'hello\n' },
  { name: 'inetd', script: 'echo "daytime stream tcp nowait root internal" > i.conf; inetd $PWD/i.conf; sleep 0.5; telnet 127.0.0.1 13 2>/dev/null | grep -c 2012; nc 127.0.0.1 13; kill `cat /var/run/inetd.pid`', programs: ['inetd', 'nc', 'telnet'], expected: /^1\n\w+ +\w+ +1 00:00:0\d 2012\r?\n$/, faultless: CHANGES },
  { name: 'lighttpd', script: `cat > l.conf <<EOF\nserver.document-root = "$PWD"\nserver.port = 8080\nserver.bind = "127.0.0.1"\nserver.pid-file = "$PWD/pid"\nserver.errorlog = "/dev/null"\nEOF\nlighttpd -f l.conf -m /usr/local/lib/lighttpd 2>/dev/null; sleep 0.2; fetch -q -o - http://127.0.0.1:8080/words | cmp - words && echo same; kill \`cat pid\``, programs: ['lighttpd', 'fetch'], expected: 'same\n' },
  { name: 'ssh', script: `for k in host k; do ssh-keygen -q -t rsa -b 768 -N '' -f $k; done; mkdir -p /root/.ssh; cp k.pub /root/.ssh/authorized_keys; mkdir -p /var/empty /var/run; /usr/sbin/sshd -f /dev/null -h $PWD/host -p 2222 -o PermitRootLogin=yes -o UsePAM=no -o StrictModes=no -o ListenAddress=127.0.0.1 -o UseDNS=no; sleep 0.2; ssh -q -p 2222 -i k -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null root@127.0.0.1 'id -un; uname -r'; kill \`cat /var/run/sshd.pid\``, programs: ['sshd', 'ssh', 'ssh-keygen'], expected: 'root\n9.0-RELEASE\n' },
  { name: 'chroot', script: 'mkdir -p /jail/bin /jail/lib /jail/libexec; cp /bin/sh /jail/bin; cp /lib/*.so* /jail/lib; cp /libexec/ld-elf.so.1 /jail/libexec; chroot /jail /bin/sh -c "cd ..; pwd; echo *"', programs: ['cp', 'chroot'], expected: '/\nbin lib libexec\n' },
  { name: 'mv of a device', script: 'mv /dev/null /dev/nil 2>&1; ln /dev/null nil 2>&1; true', programs: ['mv', 'ln'], expected: 'mv: rename /dev/null to /dev/nil: Operation not supported\nln: nil: Cross-device link\n' },
  { name: 'daemon', script: 'daemon -p pid sleep 1; sleep 0.2; ps -o comm= -p `cat pid`', programs: ['daemon', 'ps'], expected: /^sleep *\n$/, faultless: CHANGES },
];

export const COMMANDS: readonly TreeCommand[] = [...TEXT, ...ARCHIVES, ...SHELL, ...SYSTEM, ...APPLICATIONS];

/** What is typed at the console, and what has to appear within the half second after it. */
export interface TreeSession {
  readonly name: string;
  readonly programs: readonly string[];
  readonly steps: readonly (readonly [keys: string, shown: RegExp])[];
}

export const SESSIONS: readonly TreeSession[] = [
  {
    name: 'job control',
    programs: ['ps'],
    steps: [
      ['ps -o tty= -p $$\n', /console/],
      ['sleep 100 &\n', /# $/],
      ['fg\n', /sleep 100\n$/],
      ['\x1a', /\^Z.*# $/s],
      ['jobs\n', /Suspended.*sleep 100/],
      ['bg; jobs\n', /\[1\].*Running.*sleep 100/s],
      ['kill $!\n', /Terminated.*sleep 100.*# $/s],
      ['cat\n', /cat\n$/],
      ['line\n', /line\nline\n$/],
      ['\x04', /# $/],
      ['sleep 50\n', /\n$/],
      ['\x03', /# $/],
      ['echo $?\n', /\n130\n# $/],
      ['stty -a\n', /speed 9600 baud; 24 rows; 80 columns.*icanon/s],
    ],
  },
  {
    name: 'vi',
    programs: ['vi'],
    steps: [
      ['TERM=vt100; export TERM; mkdir -p /var/tmp/vi.recover; vi foo\n', /foo: new file: line 1/],
      // vi waits a while for what may follow an escape.
      ['ihello world', /hello world/],
      ['\x1b', /^$/],
      ['yyp', /hello world/],
      ['cwbye\x1b', /hell\$/],
      [':wq\n', /foo: new file: 2 lines, 22 characters/],
      ['cat foo\n', /hello world\nbye world\n/],
    ],
  },
  {
    name: 'tcsh',
    programs: ['tcsh'],
    steps: [
      ['TERM=vt100 tcsh -f\n', /# $/],
      ['ls -d /etc/passw\t\n', /\/etc\/passwd/],
      ['echo one\n', /\none\n/],
      ['!!\n', /echo one\none\n/],
      ['exit\n', /# $/],
    ],
  },
];
