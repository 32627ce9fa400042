import { allocate } from "./koffi.js";

/**
 * libbpf's option structs, as of 1.7 on a 64-bit machine: `sizeof`, then each field's offset and C type.
 * Newer fields stay zero unless asked for, so every libbpf from 1.1 on accepts them.
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
    bpf_token_path: [80, "str"],
  },
  bpf_tracepoint_opts: { size: 16, bpf_cookie: [8, "u64"] },
  bpf_raw_tracepoint_opts: { size: 16, cookie: [8, "u64"] },
  bpf_uprobe_opts: {
    size: 48,
    ref_ctr_offset: [8, "u64"],
    bpf_cookie: [16, "u64"],
    retprobe: [24, "bool"],
    func_name: [32, "str"],
    attach_mode: [40, "u32"],
  },
  bpf_map_create_opts: { size: 80, map_flags: [28, "u32"], map_extra: [32, "u64"], numa_node: [40, "u32"] },
  bpf_map_batch_opts: { size: 24, elem_flags: [8, "u64"], flags: [16, "u64"] },
} as const;

type Layouts = typeof optsLayouts;
type FieldTypes = { str: string; bool: boolean; u32: number; u64: bigint };
type Values<S extends keyof Layouts> = {
  [F in Exclude<keyof Layouts[S], "size">]?: Layouts[S][F] extends readonly [
    number,
    infer T extends keyof FieldTypes,
  ]
    ? FieldTypes[T] | undefined
    : never;
};

const encoder = new TextEncoder();
let scratch: { address: number; bytes: Uint8Array; view: DataView } | undefined;

/**
 * Lays an option struct out in native memory and returns its address, good until the next call of this
 * function. Fields that are left out or undefined are zero.
 */
export function opts<S extends keyof Layouts>(name: S, values: Values<S>): number {
  const layout = optsLayouts[name] as { readonly size: number } & Record<string, unknown>;
  const given = Object.entries(values).filter(([, value]) => value !== undefined);
  const texts = given.flatMap(([, value]) =>
    typeof value === "string" ? [encoder.encode(`${value}\0`)] : [],
  );
  const total = texts.reduce((sum, text) => sum + text.length, layout.size);
  if (!scratch || scratch.bytes.length < total) {
    // SAFETY: an outgrown buffer is left allocated; libbpf may not use it after the call, but it is cheap to be sure.
    const { address, bytes } = allocate(Math.max(4096, total));
    scratch = { address, bytes, view: new DataView(bytes.buffer) };
  }
  const { address, bytes, view } = scratch;
  bytes.fill(0, 0, total);
  view.setBigUint64(0, BigInt(layout.size), true);
  let free = layout.size;
  for (const [field, value] of given) {
    const [at, type] = layout[field] as readonly [number, keyof FieldTypes];
    if (type === "str") {
      const text = texts.shift()!;
      bytes.set(text, free);
      view.setBigUint64(at, BigInt(address + free), true);
      free += text.length;
    } else if (type === "u64") view.setBigUint64(at, value as bigint, true);
    else if (type === "u32") view.setUint32(at, value as number, true);
    else view.setUint8(at, value ? 1 : 0);
  }
  return address;
}
