import { errnoName } from '../abi/errno.ts';
import type { Pid } from '../abi/ids.ts';
import { coreImage, writeCoreFile } from './coredump.ts';
import type { Kernel } from './kernel.ts';

/**
 * Writes a checkpoint of a running process without disturbing it: a core file in config.checkpointDir, whole or not at all. The last
 * complete one stays what recovery uses until the next is complete. False when it could not be taken now.
 */
export function takeCheckpoint(k: Kernel, pid: Pid): boolean {
  const p = k.proc(pid);
  if (p.state !== 'normal' || p.native || p.threads.length === 0) return false;
  // A core that does not answer cannot be asked for the registers of its thread.
  if (p.threads.some((tid) => k.thread(tid).state === 'running' && k.cores[k.thread(tid).onCpu]!.failed)) return false;
  const sequence = p.checkpoint?.sequence ?? 0;
  const path = `${k.config.checkpointDir}/core.${pid}.${sequence}`;
  const image = coreImage(k, pid, { layout: k.config.coreLayout, cursig: 0, first: p.threads[0]!, sequence });
  const written = writeCoreFile(k, path, image);
  if ('errno' in written) {
    k.log(`checkpoint of pid ${pid}: cannot write ${path}: ${errnoName(written.errno)}`);
    return false;
  }
  const { checkpointBaseNs, checkpointNsPerKiB } = k.config.costs;
  const pauseNs = checkpointBaseNs + Math.ceil(written.bytes / 1024) * checkpointNsPerKiB;
  k.emit({ kind: 'checkpoint', pid, file: path, bytes: written.bytes, pauseNs });
  const { sigmask, sigstack } = k.thread(p.threads[0]!);
  const signals = { sigmask, sigstack };
  k.setProc(pid, { checkpoint: { sequence: sequence + 1, lastFile: path, lastNs: k.now(), signals } });
  payPause(k, pid, pauseNs);
  return true;
}

/** The core that runs the process does the work; for one that does not run it is the lowest healthy core. */
function payPause(k: Kernel, pid: Pid, pauseNs: number): void {
  const running = k
    .proc(pid)
    .threads.map((tid) => k.thread(tid))
    .find((td) => td.state === 'running');
  const core = running ? k.cores[running.onCpu]! : k.cores.find((candidate) => !candidate.failed);
  if (!core) return;
  core.clockNs = Math.max(core.clockNs, k.clockNs) + pauseNs;
  const { cpTimes } = k.cpu(core.id);
  k.setCpu(core.id, { cpTimes: [cpTimes[0], cpTimes[1], cpTimes[2] + pauseNs, cpTimes[3], cpTimes[4]] });
}

/** The periodic checkpoint: every process that has a program, by pid. */
export function checkpointAll(k: Kernel): void {
  for (const pid of [...k.state.procs.keys()].sort((a, b) => a - b)) takeCheckpoint(k, pid);
}
