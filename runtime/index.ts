/**
 * Opens, loads and attaches BPF objects from Node.js, over libbpf. Importing it loads nothing native.
 * @module
 */
export * as codecs from "./codec/codec.js";
export {
  array,
  bool,
  bytes,
  decode,
  encode,
  f32,
  f64,
  ptr,
  s8,
  s16,
  s32,
  s64,
  s128,
  text,
  u8,
  u16,
  u32,
  u64,
  u128,
} from "./codec/codec.js";
export { Memory } from "./codec/memory.js";
export type { ArrayView, Codec, Input, Union, Unions, View } from "./codec/types.js";
export { copy, toJson } from "./codec/view.js";
export { BpfError, type BpfErrorDetails, type SourceLine } from "./errors.js";
export { type Logger, setLogger } from "./ffi/native.js";
export { type BtfInfo, btf } from "./kernel/btf.js";
export type { KernelTarget, MapTarget } from "./kernel/objects.js";
export { probe } from "./kernel/probe.js";
export {
  type Closable,
  enableStats,
  type LibbpfVersion,
  libbpfVersion,
  possibleCpus,
  strerror,
} from "./kernel/system.js";
export {
  AttachType,
  attachTypeName,
  LibbpfErrno,
  LinkType,
  LogLevel,
  linkTypeName,
  MapType,
  mapTypeName,
  ProgramType,
  programTypeName,
  TcAttachPoint,
} from "./kernel/types.js";
export { ArenaMap } from "./maps/arena.js";
export { ArrayMap } from "./maps/array.js";
export type { CreateOptions } from "./maps/create.js";
export { HashMap, RawMap } from "./maps/hash.js";
export type { MapInfo } from "./maps/info.js";
export { Cidr, cidr, LpmTrie } from "./maps/lpm.js";
export { BpfMap, type MapClass, type Owned } from "./maps/map.js";
export { ArrayOfMaps, HashOfMaps } from "./maps/nested.js";
export type { GetOptions, SetOptions } from "./maps/options.js";
export { PerCpuArrayMap, PerCpuHashMap } from "./maps/percpu.js";
export { PerfEventArray, type PerfOptions } from "./maps/perf.js";
export { BloomFilter, Queue, Stack } from "./maps/queue.js";
export type { RecordOptions } from "./maps/records.js";
export { type RecordCallback, RingBuffer } from "./maps/ring-buffer.js";
export { RingBuf } from "./maps/ringbuf.js";
export {
  FdArray,
  type HasFd,
  ProgArray,
  RedirectMap,
  SockMap,
  type StackFrame,
  StackTraceMap,
  StorageMap,
} from "./maps/special.js";
export { type SubmitOptions, UserRingBuf } from "./maps/user-ringbuf.js";
export type { Immediate } from "./object/hook.js";
export { linkObjects } from "./object/linker.js";
export type { MapConfig, RawMapConfig } from "./object/map-config.js";
export { BpfObject } from "./object/object.js";
export type { OpenOptions } from "./object/open.js";
export type { ProgramConfig } from "./object/program-config.js";
export { StructOps } from "./object/struct-ops.js";
export { type WithObjectOptions, withObject } from "./object/with-object.js";
export type { InterfaceTarget } from "./programs/arguments.js";
export { BaseProgram, type CookieOptions, type Target } from "./programs/base.js";
export { Cgroup, type CgroupFolder, type CgroupOptions, type CgroupTarget } from "./programs/cgroup.js";
export { Iter, type IterCgroup, type IterMap, type IterTarget, type IterTask } from "./programs/iter.js";
export { Link } from "./programs/link.js";
export type { AnyLinkInfo, LinkDetails, LinkInfo, PerfEventDetails } from "./programs/link-info.js";
export {
  KprobeMulti,
  type KprobeMultiOptions,
  type KprobeMultiTarget,
  TracingMulti,
  type TracingMultiTarget,
  UprobeMulti,
  type UprobeMultiOptions,
  type UprobeMultiTarget,
} from "./programs/multi.js";
export {
  type TcAttachOptions,
  TcFilter,
  type TcFilterId,
  type TcFilterState,
  type TcHook,
  tc,
  XdpFlags,
  type XdpState,
  xdp,
} from "./programs/netlink.js";
export {
  FlowDissector,
  Netfilter,
  type NetfilterTarget,
  type NetnsTarget,
  SkLookup,
} from "./programs/netns.js";
export type { Attachments, Neighbour, OrderOptions } from "./programs/order.js";
export { PerfEvent, type PerfEventOptions, type PerfEventTarget } from "./programs/perf-event.js";
export {
  Kprobe,
  type KprobeTarget,
  Ksyscall,
  type KsyscallTarget,
  type ProbeOptions,
  type ProcessOptions,
  Uprobe,
  type UprobeOptions,
  type UprobeTarget,
  Usdt,
  type UsdtTarget,
} from "./programs/probes.js";
export { OpenProgram, Passive, Program, type RawTarget, StructOpsProgram } from "./programs/program.js";
export type { ProgramInfo } from "./programs/program-info.js";
export {
  LircMode2,
  type LircTarget,
  SkMsg,
  SkReuseport,
  SkSkb,
  type SkSkbHook,
  SocketFilter,
  type SocketTarget,
  type SockMapTarget,
} from "./programs/sockets.js";
export { Tc, type TcDirection, type TcOptions } from "./programs/tc.js";
export type {
  TestRunInput,
  TestRunResult,
  TypedTestRunInput,
  TypedTestRunResult,
  WithContext,
} from "./programs/test-run.js";
export {
  Freplace,
  type FreplaceTarget,
  Lsm,
  RawTracepoint,
  type RawTracepointTarget,
  Tracepoint,
  type TracepointTarget,
  Tracing,
} from "./programs/tracing.js";
export { Netkit, Xdp, type XdpOptions } from "./programs/xdp.js";
export type {
  StructOpsConfig,
  StructOpsFunction,
  StructOpsProgramConfig,
} from "./skeleton/config.js";
export type { Loaded, Opened, Skeleton, SkeletonOptions } from "./skeleton/skeleton.js";
export type { Shape } from "./skeleton/spec.js";
