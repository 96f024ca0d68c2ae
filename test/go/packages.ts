/** Test binaries of Go's standard library that are run unmodified, with `-test.short`. */
export interface PackageTest {
  readonly name: string;
  /** Build tags. */
  readonly tags?: string;
  /** Top-level tests that are left out, each with its reason. */
  readonly excluded?: Readonly<Record<string, string>>;
}

export const PACKAGES: readonly PackageTest[] = [
  { name: 'errors' },
  { name: 'container/heap' },
  { name: 'container/list' },
  { name: 'unicode/utf8' },
  { name: 'math/bits' },
  { name: 'encoding/binary' },
  { name: 'bufio' },
  { name: 'hash/crc32' },
  { name: 'sync/atomic' },
  { name: 'context' },
  { name: 'sort' },
  { name: 'strings' },
  { name: 'bytes' },
  { name: 'crypto/sha256' },
  { name: 'math' },
  { name: 'text/template' },
  { name: 'sync' },
  { name: 'os/signal' },
  { name: 'encoding/json' },
  { name: 'math/big' },
  {
    name: 'time',
    tags: 'timetzdata', // the tests look up zones, and Debian's Go has no zoneinfo.zip
    excluded: { TestLoadLocationFromTZData: 'fails natively too: it reads the zoneinfo.zip that Debian leaves out' },
  },
];
