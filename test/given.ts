// What the examples in doc comments take as given: the application around them, and its skeletons.
import type {
  ArenaMap,
  BpfObject,
  Codec,
  HashMap,
  Loaded,
  Opened,
  RingBuf,
  StructOps,
  StructOpsFunction,
  StructOpsProgram,
  UserRingBuf,
  Xdp,
} from "../runtime/index.js";

interface Event {
  pid: number;
  comm: string;
}
export declare const Event: Codec<Event>;

interface Node {
  next: bigint;
  value: number;
}
export declare const Node: Codec<Node>;
export declare const Settings: Codec<{ pid: number }>;

interface Watch {
  programs: { new_filter: Xdp };
  maps: { events: RingBuf<Event>; live: HashMap<number, Event> };
  globals: object;
}
export declare const watch: Loaded<Watch>;

interface Order {
  id: bigint;
}
export declare const orders: readonly Order[];
interface Market {
  programs: object;
  maps: { orders: UserRingBuf<Order> };
  globals: object;
}
export declare const market: Loaded<Market>;

interface Quick {
  programs: { quick_ssthresh: StructOpsProgram };
  maps: { my_cong: StructOps<{ name: string; ssthresh: StructOpsFunction }> };
  globals: object;
}
export declare const opened: Opened<Quick>;

interface List {
  programs: object;
  maps: { arena: ArenaMap };
  globals: { bss: { head: bigint } };
}
export declare const loaded: Loaded<List>;

export declare const object: BpfObject;
export declare const pid: number;
export declare const stopped: boolean;
export declare const released: Uint8Array;
export declare const built: Uint8Array;
