/**
 * coreback as a library: a machine with its kernel, scenarios, results and reports. Nothing here touches the host; files come in and go
 * out as bytes and text. What this module exports is the public interface.
 */
export { InvariantError, UsageError } from '../emu/base/errors.ts';
export type { Engine } from '../emu/core/engine.ts';
export { checkFaultPlan } from '../emu/faults/check-plan.ts';
export { describeFault } from '../emu/faults/describe.ts';
export type { FaultEffect, FaultModel, FaultPlan, FaultSpec, FaultTarget, FaultTrigger } from '../emu/faults/plan.ts';
export { Interpreter } from '../emu/interp/interpreter.ts';
export type { RunLimits, Stop, StopReason } from '../emu/machine/machine.ts';
export type { ScheduleConfig } from '../emu/machine/schedule.ts';
export { readCore, writeCore } from '../kernel-sim/elf/core-file.ts';
export type { CoreImage } from '../kernel-sim/elf/core-image.ts';
export { checkGenuineCore } from '../kernel-sim/elf/genuine-core.ts';
export type { SpawnOptions } from '../kernel-sim/kern/boot.ts';
export {
  type KernelConfig,
  RECOVERY_POLICIES,
  type RecoveryOptions,
  type RecoveryPolicyName,
} from '../kernel-sim/kern/config.ts';
export type { TraceEvent } from '../kernel-sim/kern/events.ts';
export type { HostEntry, HostFolders, HostPlace } from '../kernel-sim/vfs/host-folder.ts';
export { readFile, writeFile } from '../kernel-sim/vfs/memfs.ts';
export type { Mount } from '../kernel-sim/vfs/mount.ts';
export { type FinishedRun, finishedRun } from './recovery/finished-run.ts';
export { type LogicalOutput, logicalOutputs } from './recovery/logical-output.ts';
export { GOOD_OUTCOMES, judge, OUTCOME_RULES, OUTCOMES, type Outcome } from './recovery/outcome.ts';
export { cpuHistorySvg } from './report/cpu-history-svg.ts';
export { cpuHistoryText } from './report/cpu-history-text.ts';
export { reportHtml } from './report/html.ts';
export { inspectElf, inspectElfJson } from './report/inspect.ts';
export { perfettoTrace } from './report/perfetto.ts';
export { type StraceArg, type StraceRecord, straceLine } from './report/strace.ts';
export { recordStrace } from './report/strace-recorder.ts';
export { timelineSvg } from './report/svg.ts';
export { timelineText } from './report/text.ts';
export { spawnRestart } from './restart/spawn.ts';
export { buildResult, type ProcessResult, type RunResult, timelineOf } from './result.ts';
export { parseScenario, toScenario } from './scenario/parse-scenario.ts';
export { runScenario, type ScenarioOptions, type ScenarioRun } from './scenario/run-scenario.ts';
export type { Scenario, ScenarioInput } from './scenario/schema.ts';
export { decodeSnapshot, encodeSnapshot } from './snapshot/encode.ts';
export { decodeSavedRun, encodeSavedRun, type SavedRun } from './snapshot/saved-run.ts';
export { type GuestFile, System, type SystemConfig, type SystemSnapshot } from './system.ts';
