import { BpfError } from "../errors.js";
import { check, expectLibbpf, libbpf, unsigned, viewNative } from "../ffi/native.js";
import { kindOf } from "../kernel/objects.js";
import { MapType, mapTypeName } from "../kernel/types.js";
import { closeFd, openPinned } from "../maps/map.js";
import { pagesOf } from "../maps/perf.js";
import { initialValue } from "./initial-value.js";
import type { NativeObject } from "./native-object.js";
import { configuredProgram, type ProgramConfig } from "./program-config.js";
import { type Configured, defineSettings, enumerator, flag, text } from "./settings.js";

/** What can be set of a map before it is created. Getters tell the value that `load()` will use. */
export interface MapConfig {
  /** How many entries it may hold (`bpf_map__set_max_entries`); bytes for a ring buffer. */
  maxEntries: number;
  /** Whether it is created at all (`bpf_map__set_autocreate`). */
  autocreate: boolean;
  /** Where on bpffs the map is pinned and, when it is there already, taken from (`bpf_map__set_pin_path`). */
  pinPath: string | undefined;
  /** The NUMA node that it is allocated on (`bpf_map__set_numa_node`). */
  numaNode: number;
  /** `BPF_F_*` (`bpf_map__set_map_flags`). */
  flags: number;
  /** `map_extra`: of a Bloom filter the number of hash functions (`bpf_map__set_map_extra`). */
  extra: bigint;
  /** `BPF_MAP_TYPE_*` (`bpf_map__set_type`): another of its class, such as `LRU_HASH` for `HASH`. */
  type: MapType;
  /** Bytes of a key (`bpf_map__set_key_size`), of maps whose keys have no type. */
  keySize: number;
  /** Bytes of a value (`bpf_map__set_value_size`), of maps whose values have no type: how deep stack traces are. */
  valueSize: number;
  /** The number of the interface that it is created for (`bpf_map__set_ifindex`): for a card that runs programs. */
  ifindex: number;
  /** Of a perf event array: pages of each CPU's ring, a power of two; 64 unless it is set. */
  bufferPages: number;
  /** Uses an existing map, by its descriptor or pin, instead of creating one (`bpf_map__reuse_fd`). */
  reuse(map: number | string): void;
  /**
   * Of a map of maps: what goes in is like this map (`bpf_map__set_inner_map_fd`), which stays open until `load()`. Once
   * only, and in place of what the definition says.
   */
  setInnerMap(map: { readonly fd: number }): void;
  /**
   * Lets only this program of the object use the map (`bpf_map__set_exclusive_program`, libbpf 1.7 and kernel 6.18).
   * Others that do are refused when they are loaded; JavaScript may go on using it.
   */
  setExclusiveProgram(program: ProgramConfig): void;
}

/** As {@link MapConfig}, of an object without a skeleton: its data sections, too. */
export interface RawMapConfig extends MapConfig {
  /**
   * The bytes of a data section such as `.rodata` as it will be loaded (`bpf_map__set_initial_value`), a copy; undefined
   * of a map that starts empty. Set in its whole length.
   */
  initialValue: Uint8Array | undefined;
}

/** Types that one class is for, and whose definitions have the same form. */
const alike: readonly (readonly number[])[] = [
  [MapType.HASH, MapType.LRU_HASH, MapType.RHASH],
  [MapType.PERCPU_HASH, MapType.LRU_PERCPU_HASH],
  [MapType.QUEUE, MapType.STACK],
  [MapType.DEVMAP, MapType.DEVMAP_HASH],
  [MapType.SOCKMAP, MapType.SOCKHASH],
];

const BPF_MAP_EXTRA = 2n ** 64n;

/** Throws unless a descriptor is of a map. */
function expectMap(where: string, fd: number): void {
  if (kindOf(fd) === "map") return;
  const text = `${where}: descriptor ${fd} is of no map — is it still open?`;
  throw new BpfError(text, { code: "EINVAL", errno: 22 });
}

/** A map's configuration. */
export function mapConfig(
  object: NativeObject,
  name: string,
  configured: Omit<Configured, "where">,
): MapConfig {
  const where = `map "${name}"`;
  const { pointer, guard, apply } = configured;
  const isSection = libbpf.bpf_map__is_internal(pointer);
  // libbpf maps a section in memory by these numbers.
  const unlessSection = <T>(parse: (where: string, value: unknown) => T) => {
    return (where: string, value: unknown): T => {
      if (isSection) throw new TypeError(`${where}: is not to be set of a data section`);
      return parse(where, value);
    };
  };
  const type = (where: string, value: unknown): number => {
    const wanted = enumerator(where, value);
    const now = libbpf.bpf_map__type(pointer);
    if (wanted === now || alike.some((types) => types.includes(now) && types.includes(wanted))) return wanted;
    throw new TypeError(
      `${where}: a ${mapTypeName(now)} cannot become a ${mapTypeName(wanted)}, which has another class — define it so in C`,
    );
  };
  // By these it tells how large the struct is that it lends.
  const sizeUnlessStruct = (where: string, value: unknown): number => {
    const size = unsigned(where, value);
    if (libbpf.bpf_map__type(pointer) === MapType.STRUCT_OPS)
      throw new TypeError(`${where}: is not to be set of a struct_ops map, which is of its struct's size`);
    if (isSection) expectLibbpf(where, "1.3");
    return size;
  };
  const extra = (where: string, value: unknown): bigint => {
    if (typeof value !== "bigint") throw new TypeError(`${where}: a bigint is needed, not ${typeof value}`);
    // libbpf would map the arena there, whatever was there before.
    if (libbpf.bpf_map__type(pointer) === MapType.ARENA)
      throw new TypeError(`${where}: the address of an arena is for its definition in C to say`);
    if (value < 0n || value >= BPF_MAP_EXTRA) throw new RangeError(`${where}: ${value} does not fit __u64`);
    return value;
  };
  const config = {
    get bufferPages() {
      guard();
      return object.pages.get(name) ?? 64;
    },
    set bufferPages(value) {
      guard();
      if (libbpf.bpf_map__type(pointer) !== MapType.PERF_EVENT_ARRAY)
        throw new TypeError(`${where}: bufferPages: is of perf event arrays only`);
      object.pages.set(name, pagesOf(`${where}: bufferPages`, value));
    },
    reuse(map: number | string) {
      apply((pointer, before) => {
        // The second time from the first: the descriptor or pin may be gone by then.
        const own = before !== pointer;
        const path = !own && typeof map === "string" ? text(where, map) : undefined;
        const fd = own
          ? libbpf.bpf_map__fd(before)
          : path === undefined
            ? unsigned(`${where}: reuse()`, map)
            : openPinned(path);
        try {
          // libbpf takes any descriptor, and has the program refused that uses the map.
          expectMap(`${where}: reuse()`, fd);
          check(where, "bpf_map__reuse_fd", libbpf.bpf_map__reuse_fd(pointer, fd));
        } finally {
          if (path !== undefined) closeFd(fd);
        }
      });
    },
    setInnerMap(map: { readonly fd: number }) {
      const fd = unsigned(`${where}: setInnerMap()`, map?.fd);
      guard();
      expectMap(`${where}: setInnerMap()`, fd);
      apply((pointer) => object.setInnerMap(name, pointer, fd));
    },
    setExclusiveProgram(program: ProgramConfig) {
      const found = configuredProgram(program);
      if (!found)
        throw new TypeError(
          `${where}: setExclusiveProgram() takes a program's configuration, not ${typeof program}`,
        );
      apply((map) => {
        const result = libbpf.bpf_map__set_exclusive_program(map, object.programPointer(found.name));
        check(where, "bpf_map__set_exclusive_program", result);
      });
    },
  } as MapConfig;
  defineSettings(
    config,
    { ...configured, where },
    {
      maxEntries: ["bpf_map__max_entries", "bpf_map__set_max_entries", unlessSection(unsigned)],
      autocreate: ["bpf_map__autocreate", "bpf_map__set_autocreate", flag],
      pinPath: [
        "bpf_map__pin_path",
        "bpf_map__set_pin_path",
        (where, value) => (value === undefined ? null : text(where, value)),
        (path) => path ?? undefined,
      ],
      numaNode: ["bpf_map__numa_node", "bpf_map__set_numa_node", unsigned],
      flags: ["bpf_map__map_flags", "bpf_map__set_map_flags", unlessSection(unsigned)],
      extra: [
        "bpf_map__map_extra",
        "bpf_map__set_map_extra",
        unlessSection(extra),
        (value) => BigInt(value as number),
      ],
      type: ["bpf_map__type", "bpf_map__set_type", unlessSection(type)],
      keySize: ["bpf_map__key_size", "bpf_map__set_key_size", unlessSection(sizeUnlessStruct)],
      valueSize: ["bpf_map__value_size", "bpf_map__set_value_size", sizeUnlessStruct],
      ifindex: ["bpf_map__ifindex", "bpf_map__set_ifindex", unlessSection(unsigned)],
    },
  );
  return config;
}

/** The configuration of a map, or of a data section, of an object without a skeleton. */
export function rawMapConfig(
  object: NativeObject,
  name: string,
  configured: Omit<Configured, "where">,
): RawMapConfig {
  const where = `map "${name}": initialValue`;
  const { pointer, guard, apply } = configured;
  const isSection = libbpf.bpf_map__is_internal(pointer);
  const config = mapConfig(object, name, configured);
  Object.defineProperty(config, "initialValue", {
    enumerable: true,
    get(): Uint8Array | undefined {
      guard();
      const { address, size } = initialValue(pointer);
      return isSection && address !== 0 ? viewNative(address, size).slice() : undefined;
    },
    set(value: unknown) {
      guard();
      if (!(value instanceof Uint8Array))
        throw new TypeError(`${where}: bytes are needed, not ${typeof value}`);
      if (!isSection) throw new TypeError(`${where}: is of data sections only`);
      // A copy, whose length is true.
      const bytes = new Uint8Array(value);
      const { size } = initialValue(pointer);
      if (bytes.length !== size) throw new RangeError(`${where}: takes ${size} bytes, not ${bytes.length}`);
      apply((map) => {
        const result = libbpf.bpf_map__set_initial_value(map, bytes, bytes.length);
        check(where, "bpf_map__set_initial_value", result);
      });
    },
  });
  return config as RawMapConfig;
}
