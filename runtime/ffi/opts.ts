import { BpfError } from "../errors.js";
import { allocate, libbpf } from "./koffi.js";

/**
 * libbpf's option structs, as of 1.8 on a 64-bit machine: `sizeof`, then each field's offset and C type, and the
 * libbpf that has it where that is newer than 1.1. The first 8 bytes are `sz`, unless the struct is `bare`.
 * A libbpf refuses bytes that it does not know unless they are zero: newer fields stay so, and every libbpf from 1.1
 * on accepts them; asking for one that the libbpf in use lacks is an error that says what has it.
 */
export const optsLayouts = {
  bpf_object_open_opts: {
    size: 88,
    object_name: [8, "str"],
    relaxed_maps: [16, "bool"],
    pin_root_path: [24, "str"],
    kconfig: [40, "str"],
    btf_custom_path: [48, "str"],
    kernel_log_level: [72, "u32"],
    bpf_token_path: [80, "str", "1.4"],
  },
  bpf_tracepoint_opts: { size: 16, bpf_cookie: [8, "u64"] },
  bpf_raw_tracepoint_opts: { size: 16, cookie: [8, "u64", "1.4"] },
  bpf_uprobe_opts: {
    size: 48,
    ref_ctr_offset: [8, "u64"],
    bpf_cookie: [16, "u64"],
    retprobe: [24, "bool"],
    func_name: [32, "str"],
    attach_mode: [40, "u32", "1.2"],
  },
  bpf_kprobe_opts: {
    size: 32,
    bpf_cookie: [8, "u64"],
    offset: [16, "u64"],
    retprobe: [24, "bool"],
    attach_mode: [28, "u32", "1.2"],
  },
  bpf_ksyscall_opts: { size: 24, bpf_cookie: [8, "u64"], retprobe: [16, "bool"] },
  bpf_usdt_opts: { size: 16, usdt_cookie: [8, "u64"] },
  bpf_perf_event_opts: {
    size: 24,
    bpf_cookie: [8, "u64"],
    force_ioctl_attach: [16, "bool", "1.2"],
    dont_enable: [17, "bool", "1.7"],
  },
  bpf_link_update_opts: { size: 24, flags: [8, "u32"], old_prog_fd: [12, "u32"] },
  /** The part of `union bpf_attr` that BPF_LINK_CREATE reads: the kernel's own, without a size in front. */
  bpf_attr_link_create: {
    size: 64,
    bare: true,
    prog_fd: [0, "u32"],
    target_fd: [4, "s32"],
    attach_type: [8, "u32"],
    flags: [12, "u32"],
    // From here on a union, by the kind of link.
    iter_info: [16, "u64"],
    iter_info_len: [24, "u32"],
    tracing_cookie: [24, "u64"],
    target_btf_id: [16, "u32"],
    relative_fd: [16, "u32"],
    expected_revision: [24, "u64"],
    kprobe_multi_flags: [16, "u32"],
    kprobe_multi_count: [20, "u32"],
    kprobe_multi_symbols: [24, "u64"],
    kprobe_multi_addresses: [32, "u64"],
    kprobe_multi_cookies: [40, "u64"],
    uprobe_multi_path: [16, "str"],
    uprobe_multi_offsets: [24, "u64"],
    uprobe_multi_ref_ctr_offsets: [32, "u64"],
    uprobe_multi_cookies: [40, "u64"],
    uprobe_multi_count: [48, "u32"],
    uprobe_multi_flags: [52, "u32"],
    uprobe_multi_pid: [56, "u32"],
    netfilter_pf: [16, "u32"],
    netfilter_hooknum: [20, "u32"],
    netfilter_priority: [24, "s32"],
    netfilter_flags: [28, "u32"],
    tracing_multi_ids: [16, "u64"],
    tracing_multi_cookies: [24, "u64"],
    tracing_multi_count: [32, "u32"],
  },
  /** The part of `union bpf_attr` that BPF_RAW_TRACEPOINT_OPEN reads. */
  bpf_attr_raw_tracepoint: {
    size: 24,
    bare: true,
    name: [0, "str"],
    prog_fd: [8, "u32"],
    cookie: [16, "u64"],
  },
  /** The part of `union bpf_attr` that BPF_PROG_QUERY reads and writes. */
  bpf_attr_query: {
    size: 64,
    bare: true,
    target_fd: [0, "s32"],
    attach_type: [4, "u32"],
    prog_ids: [16, "u64"],
    prog_cnt: [24, "u32"],
    link_ids: [40, "u64"],
  },
  /** What the commands of these names read of `union bpf_attr`. */
  bpf_attr_token_create: { size: 8, bare: true, bpffs_fd: [4, "u32"] },
  bpf_attr_prog_bind_map: { size: 12, bare: true, prog_fd: [0, "u32"], map_fd: [4, "u32"] },
  bpf_attr_prog_stream_read: {
    size: 24,
    bare: true,
    stream_buf: [0, "u64"],
    stream_buf_len: [8, "u32"],
    stream_id: [12, "u32"],
    prog_fd: [16, "u32"],
  },
  bpf_attr_prog_assoc_struct_ops: { size: 12, bare: true, map_fd: [0, "u32"], prog_fd: [4, "u32"] },
  /** The part of `struct perf_event_attr` that all kernels know (`PERF_ATTR_SIZE_VER0`). */
  perf_event_attr: {
    size: 64,
    bare: true,
    type: [0, "u32"],
    struct_size: [4, "u32"],
    config: [8, "u64"],
    sample_period: [16, "u64"],
    flags: [40, "u64"],
  },
  bpf_xdp_attach_opts: { size: 16, old_prog_fd: [8, "s32"] },
  bpf_xdp_query_opts: { size: 32 },
  bpf_tc_hook: { size: 24, ifindex: [8, "u32"], attach_point: [12, "u32"], parent: [16, "u32"] },
  bpf_tc_opts: {
    size: 32,
    prog_fd: [8, "u32"],
    flags: [12, "u32"],
    handle: [20, "u32"],
    priority: [24, "u32"],
  },
  bpf_test_run_opts: {
    size: 80,
    data_in: [8, "u64"],
    data_out: [16, "u64"],
    data_size_in: [24, "u32"],
    data_size_out: [28, "u32"],
    ctx_in: [32, "u64"],
    ctx_out: [40, "u64"],
    ctx_size_in: [48, "u32"],
    ctx_size_out: [52, "u32"],
    retval: [56, "u32"],
    repeat: [60, "u32"],
    duration: [64, "u32"],
    flags: [68, "u32"],
    cpu: [72, "u32"],
    batch_size: [76, "u32"],
  },
  bpf_map_create_opts: {
    size: 80,
    btf_fd: [8, "u32"],
    btf_key_type_id: [12, "u32"],
    btf_value_type_id: [16, "u32"],
    inner_map_fd: [24, "u32"],
    map_flags: [28, "u32"],
    map_extra: [32, "u64"],
    numa_node: [40, "u32"],
    token_fd: [52, "u32", "1.4"],
  },
  bpf_obj_get_opts: { size: 16, file_flags: [8, "u32"] },
  bpf_get_fd_by_id_opts: { size: 16, open_flags: [8, "u32"] },
  bpf_btf_load_opts: { size: 40, btf_flags: [28, "u32", "1.4"], token_fd: [32, "u32", "1.4"] },
  bpf_prog_load_opts: { size: 128, expected_attach_type: [12, "u32"] },
  bpf_map_batch_opts: { size: 24, elem_flags: [8, "u64"], flags: [16, "u64"] },
} as const;

type Layouts = typeof optsLayouts;
type FieldTypes = { str: string; bool: boolean; u32: number; s32: number; u64: bigint };
type Values<S extends keyof Layouts> = {
  [F in Exclude<keyof Layouts[S], "size" | "bare">]?: Layouts[S][F] extends readonly [
    number,
    infer T extends keyof FieldTypes,
    ...string[],
  ]
    ? FieldTypes[T] | undefined
    : never;
};

const encoder = new TextEncoder();
let scratch: { readonly address: number; readonly bytes: Uint8Array } | undefined;

/**
 * Lays an option struct out in native memory and returns its address, good until the next call of this
 * function. Fields that are left out or undefined are zero.
 */
export function opts<S extends keyof Layouts>(name: S, values: Values<S>): number {
  let total: number = optsLayouts[name].size;
  for (const value of Object.values(values))
    if (typeof value === "string") total += Buffer.byteLength(value) + 1;
  // SAFETY: an outgrown buffer is left allocated; libbpf may not use it after the call, but it is cheap to be sure.
  if (!scratch || scratch.bytes.length < total) scratch = allocate(Math.max(4096, total));
  return optsAt(scratch, 0, name, values);
}

/** As {@link opts}, in memory of the caller's. */
export function optsAt<S extends keyof Layouts>(
  { address, bytes }: { readonly address: number; readonly bytes: Uint8Array },
  start: number,
  name: S,
  values: Values<S>,
): number {
  const layout = optsLayouts[name] as { readonly size: number; readonly bare?: true } & Record<
    string,
    unknown
  >;
  const view = new DataView(bytes.buffer, bytes.byteOffset + start);
  bytes.fill(0, start, start + layout.size);
  if (!layout.bare) view.setBigUint64(0, BigInt(layout.size), true);
  let free = start + layout.size;
  for (const [field, value] of Object.entries(values)) {
    if (value === undefined) continue;
    const [at, type, since] = layout[field] as readonly [number, keyof FieldTypes, string?];
    if (since !== undefined) expectLibbpf(`${name}.${field}`, since);
    if (type === "str") {
      const text = encoder.encode(`${value}\0`);
      bytes.set(text, free);
      view.setBigUint64(at, BigInt(address + free), true);
      free += text.length;
    } else if (type === "u64") view.setBigUint64(at, value as bigint, true);
    else if (type === "u32") view.setUint32(at, value as number, true);
    else if (type === "s32") view.setInt32(at, value as number, true);
    else view.setUint8(at, value ? 1 : 0);
  }
  return address + start;
}

let version = 0;

/** Whether the libbpf in use is at least of version `since`. */
export function knowsLibbpf(since: string): boolean {
  version ||= 1000 * libbpf.libbpf_major_version() + libbpf.libbpf_minor_version();
  const [major = 0, minor = 0] = since.split(".").map(Number);
  return version >= 1000 * major + minor;
}

/** Throws unless the libbpf in use is at least of version `since`; `what` is what needs it. */
export function expectLibbpf(what: string, since: string): void {
  if (knowsLibbpf(since)) return;
  const text = libbpf.libbpf_version_string();
  throw new BpfError(`${what}: libbpf ${text} does not know it — install libbpf ${since} or newer`, {
    code: "ERR_BPF_LIBRARY",
  });
}
