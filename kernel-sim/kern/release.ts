/** Releases that the kernel can say it is, with their __FreeBSD_version. Source: FreeBSD Porter's Handbook, __FreeBSD_version Values. */
export const RELEASES = {
  '9.0': 900044,
  '9.3': 903000,
  '10.4': 1004000,
  '11.4': 1104001,
  '12.4': 1204000,
} as const;

export type ReleaseName = keyof typeof RELEASES;
