import { array, encode } from "../codec/codec.js";
import { inside } from "../codec/path.js";
import type { Codec, Input } from "../codec/types.js";
import { EINVAL, libbpf, systemError } from "../ffi/native.js";
import { possibleCpus } from "../kernel/system.js";
import { MapType } from "../kernel/types.js";
import { ArrayMap } from "./array.js";
import type { Entry } from "./entry.js";
import { HashMap } from "./hash.js";
import type { MapHandle } from "./info.js";

/**
 * The values of all possible CPUs in a row, each on a multiple of 8 bytes, as the kernel copies them in and out.
 * @throws RangeError when written with another number of values.
 */
function perCpu<V>(value: Codec<V>): Codec<V[]> {
  const stride = Math.ceil(value.size / 8) * 8;
  return array({ ...value, size: stride }, possibleCpus());
}

function sameForAll<V>(value: Input<V>): Input<V[]> {
  return Array<Input<V>>(possibleCpus()).fill(value) as Input<V[]>;
}

/** The bytes of a value of one CPU. */
function encoded<V>(where: string, codec: Codec<V>, value: Input<V>): Uint8Array {
  try {
    return encode(codec, value as Input<NoInfer<V>>);
  } catch (error) {
    throw inside(where, error);
  }
}

const BPF_F_CPU = 8n;

/** Stores a value for one CPU, by the key that the entry holds. */
function storeOnCpu(
  where: string,
  fd: number,
  entry: Entry<never, never>,
  cpu: number,
  value: Uint8Array,
): void {
  if (typeof cpu !== "number") throw new TypeError(`${where}: CPU is a number, not ${typeof cpu}`);
  if (!Number.isInteger(cpu) || cpu < 0 || cpu >= possibleCpus())
    throw new RangeError(`${where}: CPU ${cpu} is outside 0 … ${possibleCpus() - 1}`);
  entry.setValueBytes(value);
  const flags = (BigInt(cpu) << 32n) | BPF_F_CPU;
  const result = libbpf.bpf_map_update_elem(fd, entry.keyAt, entry.valueAt, flags);
  const todo =
    result === EINVAL ? "Linux 7.0 or newer stores that of one CPU: set() those of all" : undefined;
  if (result < 0) throw systemError(where, "bpf_map_update_elem", -result, { todo });
}

/**
 * `BPF_MAP_TYPE_PERCPU_HASH`, `BPF_MAP_TYPE_LRU_PERCPU_HASH`: as {@link HashMap}, with one value for each
 * *possible* CPU (`possibleCpus()`), in an array in the order of their numbers.
 */
export class PerCpuHashMap<K, V> extends HashMap<K, V[]> {
  static override readonly kinds: readonly MapType[] = [
    MapType.PERCPU_HASH,
    MapType.LRU_PERCPU_HASH,
    MapType.PERCPU_CGROUP_STORAGE,
  ];
  readonly #value: Codec<V>;

  constructor(handle: MapHandle, key: Codec<K>, value: Codec<V>) {
    super(handle, key, perCpu(value));
    this.#value = value;
  }

  /** Stores the same value for every CPU. */
  fill(key: Input<K>, value: Input<V>): void {
    this.set(key, sameForAll(value));
  }

  /** Stores the value of one CPU and leaves those of the others as they are (`BPF_F_CPU`, kernel 7.0). */
  setCpu(key: Input<K>, cpu: number, value: Input<V>): void {
    const bytes = encoded(`${this.where}: value`, this.#value, value);
    this.entry.setKey(key);
    storeOnCpu(this.where, this.fd, this.entry as Entry<never, never>, cpu, bytes);
  }
}

/** `BPF_MAP_TYPE_PERCPU_ARRAY`: as {@link ArrayMap}, with one value for each *possible* CPU. */
export class PerCpuArrayMap<V> extends ArrayMap<V[]> {
  static override readonly kinds: readonly MapType[] = [MapType.PERCPU_ARRAY];
  readonly #value: Codec<V>;

  constructor(handle: MapHandle, value: Codec<V>) {
    super(handle, perCpu(value));
    this.#value = value;
  }

  /** Stores the same value for every CPU. */
  fill(index: number, value: Input<V>): void {
    this.set(index, sameForAll(value));
  }

  /** Stores the value of one CPU and leaves those of the others as they are (`BPF_F_CPU`, kernel 7.0). */
  setCpu(index: number, cpu: number, value: Input<V>): void {
    const bytes = encoded(`${this.where}: value`, this.#value, value);
    this.entry.setKey(index);
    storeOnCpu(this.where, this.fd, this.entry as Entry<never, never>, cpu, bytes);
  }
}
