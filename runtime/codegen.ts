/**
 * What generated skeletons import, as `bpf`. Applications use the types from here through their skeleton, and
 * everything else from `bpf-tsgen-runtime`.
 * @module
 */
export {
  array,
  bitBool,
  bits,
  bits64,
  bool,
  f32,
  f32Array,
  f64,
  f64Array,
  ptr,
  s8,
  s8Array,
  s16,
  s16Array,
  s32,
  s32Array,
  s64,
  s64Array,
  s128,
  text,
  tuple,
  u8,
  u8Array,
  u16,
  u16Array,
  u32,
  u32Array,
  u64,
  u64Array,
  u128,
} from "./codec/codec.js";
export { type Events, events } from "./codec/events.js";
export { type StructSpec, struct, type UnionPart, type UnionSpec, union } from "./codec/struct.js";
export type { ArrayView, Codec, Input, Union, Unions, View } from "./codec/types.js";
export { copy, toJson } from "./codec/view.js";
export { ArenaMap } from "./maps/arena.js";
export { ArrayMap } from "./maps/array.js";
export { HashMap, RawMap } from "./maps/hash.js";
export { LpmTrie } from "./maps/lpm.js";
export { ArrayOfMaps, HashOfMaps } from "./maps/nested.js";
export { PerCpuArrayMap, PerCpuHashMap } from "./maps/percpu.js";
export { PerfEventArray } from "./maps/perf.js";
export { BloomFilter, Queue, Stack } from "./maps/queue.js";
export { RingBuf } from "./maps/ringbuf.js";
export { FdArray, ProgArray, RedirectMap, SockMap, StackTraceMap, StorageMap } from "./maps/special.js";
export { UserRingBuf } from "./maps/user-ringbuf.js";
export { section } from "./object/section.js";
export { StructOps } from "./object/struct-ops.js";
export { Cgroup } from "./programs/cgroup.js";
export { Iter } from "./programs/iter.js";
export { KprobeMulti, TracingMulti, UprobeMulti } from "./programs/multi.js";
export { FlowDissector, Netfilter, SkLookup } from "./programs/netns.js";
export { PerfEvent } from "./programs/perf-event.js";
export { Kprobe, Ksyscall, Uprobe, Usdt } from "./programs/probes.js";
export { Passive, Program, StructOpsProgram } from "./programs/program.js";
export { LircMode2, SkMsg, SkReuseport, SkSkb, SocketFilter } from "./programs/sockets.js";
export { Tc } from "./programs/tc.js";
export type { WithContext } from "./programs/test-run.js";
export { Freplace, Lsm, RawTracepoint, Tracepoint, Tracing } from "./programs/tracing.js";
export { Netkit, Xdp } from "./programs/xdp.js";
export type { StructOpsFunction } from "./skeleton/config.js";
export { file, inline, map, none, program, structOps } from "./skeleton/parts.js";
export {
  type Loaded,
  type Opened,
  type Skeleton,
  type SkeletonOptions,
  type SkeletonOptionsWithObject,
  skeleton,
} from "./skeleton/skeleton.js";
