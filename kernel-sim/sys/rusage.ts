/** struct rusage, 72 bytes: ru_utime and ru_stime as timevals; the other fields are not counted and 0. FreeBSD sys/sys/resource.h. */
export function encodeRusage({ userNs, systemNs }: { userNs: number; systemNs: number }): Uint8Array {
  const bytes = new Uint8Array(72);
  const view = new DataView(bytes.buffer);
  [userNs, systemNs].forEach((ns, n) => {
    view.setUint32(n * 8, Math.floor(ns / 1e9), true);
    view.setUint32(n * 8 + 4, Math.floor((ns % 1e9) / 1e3), true);
  });
  return bytes;
}
