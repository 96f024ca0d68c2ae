/** Numbers that look alike but must not be mixed up. At run time each is a plain number. */
declare const brand: unique symbol;
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** An address after segmentation, before paging: 0 .. 2^32 - 1. */
export type LinearAddr = Brand<number, 'LinearAddr'>;
/** Index of a core, from 0. FreeBSD's CPU id. */
export type CpuId = Brand<number, 'CpuId'>;
/** Virtual time in nanoseconds since the machine was switched on; an integer. */
export type VirtualNs = Brand<number, 'VirtualNs'>;

/** Wraps any integer into a linear address: the one place that does. */
export const linear = (n: number): LinearAddr => (n >>> 0) as LinearAddr;
export const cpuId = (n: number): CpuId => n as CpuId;
export const virtualNs = (n: number): VirtualNs => n as VirtualNs;
