import { array } from "../codec/codec.js";
import type { Codec, Input } from "../codec/types.js";
import { possibleCpus } from "../kernel/system.js";
import { MapType } from "../kernel/types.js";
import { ArrayMap } from "./array.js";
import { HashMap } from "./hash.js";
import type { MapHandle } from "./map.js";

/**
 * The values of all possible CPUs in a row, each on a multiple of 8 bytes, as the kernel copies them in and out.
 * @throws RangeError when written with another number of values.
 */
function perCpu<V>(value: Codec<V>): Codec<V[]> {
  const stride = Math.ceil(value.size / 8) * 8;
  return array({ ...value, size: stride }, possibleCpus());
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

  constructor(handle: MapHandle, key: Codec<K>, value: Codec<V>) {
    super(handle, key, perCpu(value));
  }

  /** Stores the same value for every CPU. */
  fill(key: Input<K>, value: Input<V>): void {
    this.set(key, Array<Input<V>>(possibleCpus()).fill(value) as Input<V[]>);
  }
}

/** `BPF_MAP_TYPE_PERCPU_ARRAY`: as {@link ArrayMap}, with one value for each *possible* CPU. */
export class PerCpuArrayMap<V> extends ArrayMap<V[]> {
  static override readonly kinds: readonly MapType[] = [MapType.PERCPU_ARRAY];

  constructor(handle: MapHandle, value: Codec<V>) {
    super(handle, perCpu(value));
  }

  /** Stores the same value for every CPU. */
  fill(index: number, value: Input<V>): void {
    this.set(index, Array<Input<V>>(possibleCpus()).fill(value) as Input<V[]>);
  }
}
