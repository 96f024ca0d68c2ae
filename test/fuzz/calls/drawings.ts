import type { OpenFile, Socket } from '../../../kernel-sim/kern/state.ts';
import type { Draft } from './draft.ts';
import type { Drawing } from './kinds.ts';

/* Arguments made of others, and descriptors of things of a kind. */

export const orNull =
  (draw: Drawing): Drawing =>
  (d) =>
    d.oneIn(3) ? 0 : draw(d);
export const oneOf =
  (...values: readonly number[]): Drawing =>
  (d) =>
    d.oneIn(12) ? d.raw() : d.pick(values);
export const structOf =
  (...fields: readonly Drawing[]): Drawing =>
  (d) =>
    d.words(...fields.map((field) => field(d)));
export const constant =
  (value: number): Drawing =>
  () =>
    value;

export const ofType =
  (...types: readonly string[]) =>
  (d: Draft, file: OpenFile): boolean =>
    file.kind === 'vnode' && types.includes(d.k.vnode(file.vnode).type);
const isShm = (file: OpenFile): boolean => file.kind === 'shm';
const fdWhere =
  (isWanted: (d: Draft, file: OpenFile) => boolean): Drawing =>
  (d) =>
    d.fd((file) => isWanted(d, file));
const isSocket = ({ kind }: OpenFile): boolean => kind === 'socket';
const socketWhere =
  (...wanted: readonly ((socket: Socket) => boolean)[]): Drawing =>
  (d) =>
    d.fd(...wanted.map((is) => (file: OpenFile) => file.kind === 'socket' && is(d.k.socket(file.socket))), isSocket);

export const anySocket = socketWhere(() => true);
export const listener = socketWhere(
  ({ state, pending }) => state === 'listening' && pending.length > 0,
  ({ state }) => state === 'listening',
);
export const connected = socketWhere(({ state }) => state === 'connected');
export const unconnected = socketWhere(({ state }) => state === 'open');
export const stream = socketWhere(
  ({ state, type, local }) => state === 'open' && type !== 'dgram' && local !== null,
  ({ state, type }) => state === 'open' && type !== 'dgram',
);
export const anyKqueue = fdWhere((_d, { kind }) => kind === 'kqueue');
export const regular = fdWhere(ofType('reg'));
export const processDescriptor = fdWhere((_, { kind }) => kind === 'procdesc');
export const mappable = fdWhere((d, file) => isShm(file) || ofType('reg')(d, file));
export const folder = fdWhere(ofType('dir'));
export const terminal = fdWhere((d, file) => !['reg', 'dir'].some((type) => ofType(type)(d, file)));
