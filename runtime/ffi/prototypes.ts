/**
 * The C functions that the runtime calls, one line each, as libbpf 1.8 declares them.
 *
 * The first name is what the function returns, the others are its parameters:
 * `ptr` an address (0 is NULL) · `buf` memory of JavaScript's, or null · `str` a C string, `str?` or null ·
 * `s32 u32 s64 size bool void` as in C. A line with `since` is bound on libbpf from that version on.
 */
export const libbpfPrototypes = {
  libbpf_major_version: ["u32"],
  libbpf_minor_version: ["u32"],
  libbpf_version_string: ["str"],
  libbpf_set_print: ["ptr", "ptr"],
  libbpf_num_possible_cpus: ["s32"],
  libbpf_strerror: ["s32", "s32", "ptr", "size"],
  libbpf_probe_bpf_prog_type: ["s32", "s32", "ptr"],
  libbpf_probe_bpf_map_type: ["s32", "s32", "ptr"],
  libbpf_probe_bpf_helper: ["s32", "s32", "s32", "ptr"],
  bpf_enable_stats: ["s32", "s32"],
  bpf_prog_load: ["s32", "s32", "str", "str", "ptr", "size", "ptr"],

  bpf_object__open_mem: ["ptr", "buf", "size", "ptr"],
  bpf_object__load: ["s32", "ptr"],
  bpf_object__close: ["void", "ptr"],
  bpf_object__btf_fd: ["s32", "ptr"],
  bpf_object__next_program: ["ptr", "ptr", "ptr"],
  bpf_object__next_map: ["ptr", "ptr", "ptr"],
  bpf_object__find_program_by_name: ["ptr", "ptr", "str"],
  bpf_object__find_map_by_name: ["ptr", "ptr", "str"],
  bpf_object__pin_maps: ["s32", "ptr", "str"],
  bpf_object__unpin_maps: ["s32", "ptr", "str"],
  bpf_object__pin_programs: ["s32", "ptr", "str"],
  bpf_object__unpin_programs: ["s32", "ptr", "str"],

  bpf_linker__new: ["ptr", "str", "ptr"],
  bpf_linker__add_file: ["s32", "ptr", "str", "ptr"],
  bpf_linker__finalize: ["s32", "ptr"],
  bpf_linker__free: ["void", "ptr"],

  bpf_program__name: ["str?", "ptr"],
  bpf_program__section_name: ["str?", "ptr"],
  bpf_program__fd: ["s32", "ptr"],
  bpf_program__type: ["s32", "ptr"],
  bpf_program__autoload: ["bool", "ptr"],
  bpf_program__set_autoload: ["s32", "ptr", "bool"],
  bpf_program__autoattach: ["bool", "ptr"],
  bpf_program__set_autoattach: ["void", "ptr", "bool"],
  bpf_program__flags: ["u32", "ptr"],
  bpf_program__set_flags: ["s32", "ptr", "u32"],
  bpf_program__log_level: ["u32", "ptr"],
  bpf_program__set_log_level: ["s32", "ptr", "u32"],
  bpf_program__set_ifindex: ["void", "ptr", "u32"],
  bpf_program__set_attach_target: ["s32", "ptr", "s32", "str"],
  bpf_program__pin: ["s32", "ptr", "str"],
  bpf_program__unpin: ["s32", "ptr", "str"],
  bpf_program__attach: ["ptr", "ptr"],
  bpf_program__attach_tracepoint_opts: ["ptr", "ptr", "str", "str", "ptr"],
  bpf_program__attach_raw_tracepoint: ["ptr", "ptr", "str"],
  bpf_program__attach_raw_tracepoint_opts: ["ptr", "ptr", "str", "ptr", { since: "1.4" }],
  bpf_program__attach_xdp: ["ptr", "ptr", "s32"],
  bpf_program__attach_uprobe_opts: ["ptr", "ptr", "s32", "str", "size", "ptr"],
  bpf_program__set_type: ["s32", "ptr", "s32"],
  bpf_program__set_expected_attach_type: ["s32", "ptr", "s32"],
  bpf_program__expected_attach_type: ["s32", "ptr"],
  bpf_program__attach_kprobe_opts: ["ptr", "ptr", "str", "ptr"],
  bpf_program__attach_usdt: ["ptr", "ptr", "s32", "str", "str", "str", "ptr"],
  bpf_program__attach_trace: ["ptr", "ptr"],
  bpf_program__attach_perf_event_opts: ["ptr", "ptr", "s32", "ptr"],
  bpf_program__attach_ksyscall: ["ptr", "ptr", "str", "ptr"],
  bpf_program__attach_freplace: ["ptr", "ptr", "s32", "str"],
  bpf_program__attach_tracing_multi: ["ptr", "ptr", "str?", "ptr", { since: "1.8" }],
  bpf_iter_create: ["s32", "s32"],
  bpf_prog_attach: ["s32", "s32", "s32", "s32", "u32"],
  bpf_prog_detach2: ["s32", "s32", "s32", "s32"],
  bpf_tc_hook_create: ["s32", "ptr"],
  bpf_tc_hook_destroy: ["s32", "ptr"],
  bpf_tc_attach: ["s32", "ptr", "ptr"],
  bpf_tc_detach: ["s32", "ptr", "ptr"],
  bpf_tc_query: ["s32", "ptr", "ptr"],
  bpf_xdp_attach: ["s32", "s32", "s32", "u32", "ptr"],
  bpf_xdp_detach: ["s32", "s32", "u32", "ptr"],
  bpf_xdp_query: ["s32", "s32", "s32", "ptr"],
  bpf_prog_test_run_opts: ["s32", "s32", "ptr"],
  bpf_prog_get_fd_by_id: ["s32", "u32"],
  bpf_prog_get_next_id: ["s32", "u32", "buf"],

  bpf_map__name: ["str?", "ptr"],
  bpf_map__fd: ["s32", "ptr"],
  bpf_map__type: ["s32", "ptr"],
  bpf_map__set_type: ["s32", "ptr", "s32"],
  bpf_map__key_size: ["u32", "ptr"],
  bpf_map__set_key_size: ["s32", "ptr", "u32"],
  bpf_map__value_size: ["u32", "ptr"],
  bpf_map__set_value_size: ["s32", "ptr", "u32"],
  bpf_map__max_entries: ["u32", "ptr"],
  bpf_map__set_max_entries: ["s32", "ptr", "u32"],
  bpf_map__map_flags: ["u32", "ptr"],
  bpf_map__set_map_flags: ["s32", "ptr", "u32"],
  bpf_map__map_extra: ["u64", "ptr"],
  bpf_map__set_map_extra: ["s32", "ptr", "u64"],
  bpf_map__ifindex: ["u32", "ptr"],
  bpf_map__set_ifindex: ["s32", "ptr", "u32"],
  bpf_map__set_inner_map_fd: ["s32", "ptr", "s32"],
  bpf_map__set_exclusive_program: ["s32", "ptr", "ptr", { since: "1.7" }],
  bpf_map__btf_key_type_id: ["u32", "ptr"],
  bpf_map__btf_value_type_id: ["u32", "ptr"],
  bpf_map__numa_node: ["u32", "ptr"],
  bpf_map__set_numa_node: ["s32", "ptr", "u32"],
  bpf_map__autocreate: ["bool", "ptr"],
  bpf_map__set_autocreate: ["s32", "ptr", "bool"],
  bpf_map__pin_path: ["str?", "ptr"],
  bpf_map__set_pin_path: ["s32", "ptr", "str?"],
  bpf_map__inner_map: ["ptr", "ptr"],
  bpf_map__is_internal: ["bool", "ptr"],
  bpf_map__attach_struct_ops: ["ptr", "ptr"],
  bpf_map__reuse_fd: ["s32", "ptr", "s32"],
  bpf_map__pin: ["s32", "ptr", "str"],
  bpf_map__unpin: ["s32", "ptr", "str"],
  bpf_map__initial_value: ["ptr", "ptr", "ptr"],
  bpf_map__set_initial_value: ["s32", "ptr", "buf", "size"],

  bpf_map_lookup_elem: ["s32", "s32", "ptr", "ptr"],
  bpf_map_lookup_elem_flags: ["s32", "s32", "ptr", "ptr", "u64"],
  bpf_map_update_elem: ["s32", "s32", "ptr", "ptr", "u64"],
  bpf_map_delete_elem: ["s32", "s32", "ptr"],
  bpf_map_lookup_and_delete_elem: ["s32", "s32", "ptr", "ptr"],
  bpf_map_lookup_and_delete_elem_flags: ["s32", "s32", "ptr", "ptr", "u64"],
  bpf_map_get_next_key: ["s32", "s32", "ptr", "ptr"],
  bpf_map_lookup_batch: ["s32", "s32", "buf", "buf", "buf", "buf", "buf", "ptr"],
  bpf_map_lookup_and_delete_batch: ["s32", "s32", "buf", "buf", "buf", "buf", "buf", "ptr"],
  bpf_map_update_batch: ["s32", "s32", "buf", "buf", "buf", "ptr"],
  bpf_map_delete_batch: ["s32", "s32", "buf", "buf", "ptr"],
  bpf_map_freeze: ["s32", "s32"],
  bpf_map_create: ["s32", "s32", "str", "u32", "u32", "u32", "ptr"],
  bpf_map_get_fd_by_id: ["s32", "u32"],
  bpf_map_get_fd_by_id_opts: ["s32", "u32", "ptr"],
  bpf_map_get_next_id: ["s32", "u32", "buf"],
  bpf_btf_get_fd_by_id: ["s32", "u32"],
  bpf_btf_get_next_id: ["s32", "u32", "buf"],
  bpf_btf_load: ["s32", "buf", "size", "ptr"],
  bpf_obj_get: ["s32", "str"],
  bpf_obj_get_opts: ["s32", "str", "ptr"],
  bpf_obj_pin: ["s32", "s32", "str"],
  bpf_obj_get_info_by_fd: ["s32", "s32", "buf", "buf"],

  perf_buffer__new: ["ptr", "s32", "size", "ptr", "ptr", "ptr", "ptr"],
  perf_buffer__free: ["void", "ptr"],
  perf_buffer__epoll_fd: ["s32", "ptr"],
  perf_buffer__buffer_cnt: ["size", "ptr"],
  perf_buffer__buffer: ["s32", "ptr", "s32", "ptr", "ptr"],

  bpf_link__fd: ["s32", "ptr"],
  bpf_link__destroy: ["s32", "ptr"],
  bpf_link__disconnect: ["void", "ptr"],
  bpf_link__update_map: ["s32", "ptr", "ptr", { since: "1.2" }],
  bpf_link_detach: ["s32", "s32"],
  bpf_link_get_fd_by_id: ["s32", "u32"],
  bpf_link_get_next_id: ["s32", "u32", "buf"],
  bpf_link_update: ["s32", "s32", "s32", "ptr"],
} as const;

/** What the runtime needs of the C library itself. */
export const libcPrototypes = {
  mmap: ["ptr", "ptr", "size", "s32", "s32", "s32", "s64"],
  munmap: ["s32", "ptr", "size"],
  fcntl: ["s32", "s32", "s32", "s32"],
  close: ["s32", "s32"],
  unlink: ["s32", "str"],
  free: ["void", "ptr"],
  mprotect: ["s32", "ptr", "size", "s32"],
  dlsym: ["ptr", "ptr", "str"],
  open_memstream: ["ptr", "ptr", "ptr"],
  fclose: ["s32", "ptr"],
  pthread_key_create: ["s32", "ptr", "ptr"],
  pthread_setspecific: ["s32", "u32", "ptr"],
  getpagesize: ["s32"],
  if_nametoindex: ["u32", "str"],
  socket: ["s32", "s32", "s32", "s32"],
  send: ["s64", "s32", "buf", "size", "s32"],
  recv: ["s64", "s32", "buf", "size", "s32"],
  setsockopt: ["s32", "s32", "s32", "s32", "buf", "u32"],
  syscall: ["s64", "s64", "s64", "s64", "s64", "s64", "s64"],
  epoll_create1: ["s32", "s32"],
  epoll_ctl: ["s32", "s32", "s32", "s32", "buf"],
  epoll_wait: ["s32", "s32", "buf", "s32", "s32"],
} as const;

/** A table as above. */
export type Prototypes = { readonly [name: string]: readonly [CType, ...(CType | Since)[]] };
/** What may stand in a table. */
export type CType = keyof CTypes;
/** From which libbpf on there is the function. */
export interface Since {
  readonly since: string;
}

/** Each C type as JavaScript sees it. */
interface CTypes {
  ptr: number;
  buf: Uint8Array | BigUint64Array | Uint32Array | null;
  str: string;
  "str?": string | null;
  s32: number;
  u32: number;
  s64: number;
  u64: number | bigint;
  size: number;
  bool: boolean;
  void: undefined;
}

type Parameters<P extends readonly unknown[]> = P extends readonly [infer First, ...infer Rest]
  ? First extends CType
    ? [CTypes[First], ...Parameters<Rest>]
    : Parameters<Rest>
  : [];

/** The functions of a table, typed. */
export type Functions<P extends Prototypes> = {
  readonly [F in keyof P]: P[F] extends readonly [infer R extends CType, ...infer A]
    ? (...args: Parameters<A>) => CTypes[R]
    : never;
};
