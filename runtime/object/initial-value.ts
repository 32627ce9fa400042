import { hostLittleEndian } from "../codec/memory.js";
import { borrow, giveBack, libbpf } from "../ffi/native.js";

/** libbpf's own copy of what a map will hold (`bpf_map__initial_value`); its address is 0 where libbpf lends none. */
export function initialValue(pointer: number): { readonly address: number; readonly size: number } {
  const out = borrow(8);
  const address = libbpf.bpf_map__initial_value(pointer, out.address);
  const size = Number(new DataView(out.bytes.buffer).getBigUint64(0, hostLittleEndian));
  giveBack(out);
  return { address, size };
}
