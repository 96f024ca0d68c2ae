export const sysctlSyscalls = [] as const;
export const resourceSyscalls = [] as const;
