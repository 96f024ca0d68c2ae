/** Test binaries of Go's standard library that are run unmodified, with `-test.short`. */
export interface PackageTest {
  readonly name: string;
  /** Tests that are left out (-test.run cannot exclude in Go 1.19: these are the ones that run), with the reason. */
  readonly run?: string;
  readonly why?: string;
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
];
