import { UsageError } from '../../emu/base/errors.ts';
import type { WriteFailure } from '../../emu/faults/world.ts';
import { EFBIG, EIO, ENOSPC, errnoName } from '../abi/errno.ts';
import type { Errno, Pid } from '../abi/ids.ts';
import { readCore, writeCore } from '../elf/core-file.ts';
import { FILE_SIZE_MAX } from '../vfs/limits.ts';
import { readFile, removeFile, writeFile } from '../vfs/memfs.ts';
import { coreImage, dumpedBytes } from './coredump.ts';
import { copyAgrees, remakeCopy } from './duplicate.ts';
import type { Kernel, KernelCore } from './kernel.ts';
import { INIT_PID } from './proc.ts';
import { POLICIES } from './recovery-policy.ts';
import { lastPoint, NOTHING_SINCE, rollbackPoint, setTree } from './rollback-point.ts';
import { soundUntilNs } from './self-test.ts';
import type { Proc, RollbackPoint } from './state.ts';

/** A process has a new program: what it can go back to from now on. */
export function beginCheckpoints(k: Kernel, pid: Pid): void {
  const p = k.proc(pid);
  const fromBeginning = POLICIES[k.config.recovery].remedies.includes('beginning');
  if (k.config.checkpointEveryNs === 0 && !fromBeginning) return;
  const sequence = p.checkpoint?.sequence ?? 0;
  const points = fromBeginning ? [rollbackPoint(k, p, '', sequence)] : [];
  k.setProc(pid, { checkpoint: { sequence, points } });
  if (k.config.checkpointEveryNs > 0 && !p.traced) takeCheckpoint(k, pid);
}

/**
 * Writes a checkpoint of a running process without disturbing it: a core file in config.checkpointDir, whole or not at all. The last
 * complete one stays what recovery uses until the next is complete. False when it could not be taken now.
 */
export function takeCheckpoint(k: Kernel, pid: Pid): boolean {
  const p = k.proc(pid);
  if (p.state !== 'normal' || p.native || p.system || p.threads.length === 0) return false;
  // A core that does not answer cannot be asked for the registers of its thread.
  if (p.threads.some((tid) => k.thread(tid).state === 'running' && k.cores[k.thread(tid).onCpu]!.failed)) return false;
  // What is wrong already must not be what the process goes back to.
  if (!p.threads.every((tid) => copyAgrees(k, tid))) return false;
  const sequence = p.checkpoint?.sequence ?? 0;
  const path = `${k.config.checkpointDir}/core.${pid}.${sequence}`;
  if (dumpedBytes(k, p) >= FILE_SIZE_MAX) {
    k.log(`checkpoint of pid ${pid}: cannot write ${path}: ${errnoName(EFBIG)}`);
    return false;
  }
  const image = coreImage(k, pid, { layout: k.config.coreLayout, cursig: 0, first: p.threads[0]!, sequence });
  // Pages may have come in to be dumped.
  remakeCopy(k, p);
  const file = writeCore(image);
  const errno = store(k, pid, path, file);
  if (errno) {
    k.log(`checkpoint of pid ${pid}: cannot write ${path}: ${errnoName(errno)}`);
    return false;
  }
  const { checkpointBaseNs, checkpointNsPerKiB } = k.config.costs;
  const pauseNs = checkpointBaseNs + Math.ceil(file.length / 1024) * checkpointNsPerKiB;
  k.emit({ kind: 'checkpoint', pid, file: path, bytes: file.length, pauseNs });
  const points = [...pointsToKeep(k, k.proc(pid)), rollbackPoint(k, p, path, sequence + 1)];
  k.setProc(pid, { checkpoint: { sequence: sequence + 1, points } });
  if (POLICIES[k.config.recovery].remedies.includes('forward') && k.vmspace(p.vmspace).refs === 1)
    k.space(p.vmspace).clearDirty();
  payPause(k, pid, pauseNs);
  return true;
}

/**
 * Of the points so far, when another is added: the beginning, where the policy goes back to that; the last one, should the new one turn
 * out to be unreadable; and those that may be needed when a core turns out to have been unsound since its last self-test.
 */
function pointsToKeep(k: Kernel, p: Proc): RollbackPoint[] {
  const points = p.checkpoint?.points ?? [];
  const last = points.findLast(({ file }) => file);
  if (!k.config.selfTest) return points.filter((point) => !point.file || point === last);
  const soundNs = soundUntilNs(k);
  const lastSound = points.findLast(({ file, ns }) => file && ns <= soundNs);
  return points.filter((point) => !point.file || point === last || point === lastSound || point.ns > soundNs);
}

/** The last checkpoint, no later than `untilNs`, whose file can be read, or why there is none; what is passed over is told in the log. */
export function lastReadable(k: Kernel, p: Proc, untilNs: number): RollbackPoint | string {
  const all = p.checkpoint?.points.filter(({ file }) => file) ?? [];
  if (all.length === 0) return 'there is no checkpoint of it';
  const early = all.filter(({ ns }) => ns <= untilNs);
  if (early.length === 0) return 'it has run on the core since its checkpoints';
  return early.findLast((point) => isReadable(k, point)) ?? 'none of its checkpoints can be read';
}

/** Whether a checkpoint's file can be read; if not, the log says why. */
export function isReadable(k: Kernel, { proc, file }: RollbackPoint): boolean {
  const why = whyUnreadable(k, file);
  if (why !== null) k.log(`checkpoint of pid ${proc.pid}: ${file} cannot be used: ${why}`);
  return why === null;
}

function whyUnreadable(k: Kernel, path: string): string | null {
  const bytes = readFile(k, path);
  if (typeof bytes === 'number') return errnoName(bytes);
  try {
    readCore(bytes);
    return null;
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
}

/** Puts a checkpoint on the disk; the errno when it is not there as a whole, as far as its writer can tell. */
function store(k: Kernel, pid: Pid, path: string, file: Uint8Array): Errno | 0 {
  const writer = payerOf(k, pid);
  const failure = writer ? k.faults.checkpoint(writer.id, k.proc(pid).comm, file.length) : null;
  if (writer?.failed) {
    // What it has written stays, under a name that nobody asks for.
    writeFile(k, `${path}.part`, file.subarray(0, file.length / 2), 0o600);
    return EIO;
  }
  if (failure?.failure === 'error') return EIO;
  const stored = failure ? spoilt(file, failure) : file;
  const errno = writeFile(k, path, stored, 0o600);
  return errno === ENOSPC && dropOldCheckpoints(k, pid) ? writeFile(k, path, stored, 0o600) : errno;
}

/** What is on the disk of a file that was written whole. */
function spoilt(file: Uint8Array, failure: WriteFailure): Uint8Array {
  if (failure.failure !== 'bit-flip') return file.subarray(0, failure.atByte);
  const wrong = file.slice();
  wrong[failure.atByte] = wrong[failure.atByte]! ^ (1 << failure.bit);
  return wrong;
}

/** The disk is full: a process's checkpoints are given up that are not needed as long as its last is good. True when that freed something. */
function dropOldCheckpoints(k: Kernel, pid: Pid): boolean {
  const p = k.proc(pid);
  const points = p.checkpoint?.points ?? [];
  const trees = [...k.state.trees.values()].flatMap(({ members }) => members);
  const kept = [...(k.config.selfTest ? points : points.slice(-1)), ...trees].map(({ file }) => file);
  let dropped = 0;
  for (let n = 0; n < (p.checkpoint?.sequence ?? 0); n++) {
    const path = `${k.config.checkpointDir}/core.${pid}.${n}`;
    if (!kept.includes(path) && removeFile(k, path) === 0) dropped++;
  }
  if (dropped > 0) k.log(`checkpoint of pid ${pid}: the disk is full; ${dropped} older ones are gone`);
  return dropped > 0;
}

/** The core that runs the process does the work; for one that does not run it is the lowest healthy core. */
function payerOf(k: Kernel, pid: Pid): KernelCore | undefined {
  const threads = k.proc(pid).threads.map((tid) => k.thread(tid));
  const running = threads.find((td) => td.state === 'running');
  return running ? k.cores[running.onCpu] : k.cores.find((candidate) => !candidate.failed);
}

function payPause(k: Kernel, pid: Pid, pauseNs: number): void {
  const core = payerOf(k, pid);
  if (!core) return;
  const ownNs = pauseNs * core.slowdown;
  core.clockNs = Math.max(core.clockNs, k.clockNs) + ownNs;
  const [user, nice, system, interrupt, idle] = k.cpu(core.id).cpTimes;
  k.setCpu(core.id, { cpTimes: [user, nice, system + ownNs, interrupt, idle], checkpointingNs: core.clockNs });
}

/**
 * The periodic checkpoint: every process that has a program, by pid, or every tree. Those whose core has had less than half a period for anything else
 * since its last one wait for the next time: otherwise checkpoints that take longer than the period would leave no time to run.
 */
export function checkpointAll(k: Kernel): void {
  const nowNs = k.now();
  const late = k.config.checkpointEveryNs / 2;
  const busy = k.state.cpus.map(({ checkpointingNs }) => nowNs < (checkpointingNs ?? 0) + late);
  const isBusy = (pid: Pid): boolean => {
    const payer = payerOf(k, pid);
    return !payer || busy[payer.id]!;
  };
  const pids = [...k.state.procs.keys()].sort((a, b) => a - b);
  if (k.config.recoveryOptions.scope === 'tree') {
    for (const pid of pids) if (k.findProc(pid)?.ppid === INIT_PID) checkpointTree(k, pid, isBusy);
    for (const [root, { members, born }] of k.state.trees)
      if (!members.some(({ proc }) => isAlive(k, proc.pid)) && !born.some((pid) => isAlive(k, pid)))
        k.state.trees.delete(root);
  } else for (const pid of pids) if (!isBusy(pid)) takeCheckpoint(k, pid);
}

const isAlive = (k: Kernel, pid: Pid): boolean => (k.findProc(pid)?.state ?? 'zombie') !== 'zombie';

/** A process that init has started, or inherited, and all its offspring: at one instant, or not at all. */
function checkpointTree(k: Kernel, root: Pid, isBusy: (pid: Pid) => boolean): void {
  const members = offspring(k, root).filter((p) => p.state !== 'zombie' && !p.native && !p.system);
  if (members[0]?.pid !== root || members.some((p) => p.state === 'lost' || isBusy(p.pid))) return;
  if (!members.every(({ pid }) => takeCheckpoint(k, pid))) return;
  const points = members.map(({ pid }) => ({ ...lastPoint(k.proc(pid))!, since: NOTHING_SINCE }));
  setTree(k, { members: points, born: [], changes: [] });
}

/** A process and all below it, parents first. One that is traced stands below its real parent. */
function offspring(k: Kernel, root: Pid): Proc[] {
  const children = [...k.state.procs.values()]
    .filter((p) => (p.realParent || p.ppid) === root && p.pid !== root)
    .sort((a, b) => a.pid - b.pid);
  return [k.proc(root), ...children.flatMap(({ pid }) => offspring(k, pid))];
}
