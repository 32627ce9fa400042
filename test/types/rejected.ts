/** What must not compile: the mistakes that a typed skeleton is there to find. Nothing here runs. */
import { BpfMap, codecs, HashMap, RawMap, withObject } from "bpf-tsgen-runtime";
import type * as bpf from "bpf-tsgen-runtime/codegen";
import { Kinds } from "../golden/kinds.skel.js";
import { type Address, type Arrays, type Nested, type Pair, State, Types } from "../golden/types.skel.js";
import type { Plain } from "./accepted.js";

/** A value for each place, and wrong ones. */
export function values(nested: Nested, plain: Plain): void {
  // @ts-expect-error a member is missing
  const missing: bpf.Input<Pair> = { x: 1 };
  // @ts-expect-error there is no such member
  const unknown: bpf.Input<Pair> = { x: 1, y: 2, z: 3 };
  // @ts-expect-error text for a number
  const text: bpf.Input<Pair> = { x: "1", y: 2 };
  // @ts-expect-error two members of a union at once
  const two: bpf.Input<Address> = { v4: 1, version: { major: 1, minor: 2 } };
  // @ts-expect-error no member of a union
  const none: bpf.Input<Address> = {};
  // @ts-expect-error all members of a union at once, which only a view has
  const all: bpf.Input<Address> = { v4: 1, v6: [], pair: { x: 1, y: 2 }, version: { major: 1, minor: 2 } };
  // @ts-expect-error two members of an anonymous union at once
  const promoted: bpf.Input<Nested> = { ...plain, whole: 1n, real: 2, deep_word: 1 };
  // @ts-expect-error no member of one of two anonymous unions
  const half: bpf.Input<Nested> = { ...plain, whole: 1n };
  // @ts-expect-error one element less than the array has
  const short: bpf.Input<Arrays["pairs"]> = [{ x: 1, y: 2 }];
  // @ts-expect-error one element more than the array has
  const long: bpf.Input<Arrays["flags"]> = [true, true, true, true, true, true];
  // @ts-expect-error numbers for an array of 64-bit integers
  const narrow: bpf.Input<Arrays["totals"]> = [1, 2];
  // @ts-expect-error text for an enum
  const state: State = "STATE_IDLE";
  // @ts-expect-error there is no such value
  const named = State.STATE_LOST;
  // @ts-expect-error a member of a union that does not exist
  const member = nested.address.v5;
  void [missing, unknown, text, two, all, none, promoted, half, short, long, narrow, state, named, member];
}

/** Before the object is loaded. */
export function opened(): void {
  const opened = Types.open();
  // @ts-expect-error a number for a bit-field of 64 bits
  opened.rodata.flags.across = 1;
  // @ts-expect-error no such variable
  opened.rodata.nowhere = 1;
  // @ts-expect-error no such map
  opened.maps.nowhere.maxEntries = 1;
  // @ts-expect-error no such program
  opened.programs.nowhere.autoload = true;
  // @ts-expect-error values of the kernel's configuration are there after load only
  opened.kconfig.CONFIG_HZ;
  // @ts-expect-error entries are there after load only
  opened.maps.counter.get(0);
  // @ts-expect-error only what is loaded can be attached
  opened.attach();
  // @ts-expect-error an array of three
  opened.data.corners = [{ x: 1, y: 2 }];
  // @ts-expect-error there is no such option
  Types.open({ path: "types.bpf.o" });
  // @ts-expect-error nobody waits for a promise
  Types.load(async ({ maps }) => maps.counter);
  // @ts-expect-error however it is made
  Types.attach(({ rodata }) => Promise.resolve(rodata));
  // @ts-expect-error here, too
  withObject({ path: "types.bpf.o", programs: [], beforeLoad: async () => {} }, () => {});
  // @ts-expect-error and here
  withObject({ path: "types.bpf.o", programs: [], beforeAttach: async () => {} }, () => {});
}

/** The struct of a struct_ops map. */
export function structOps(): void {
  const opened = Types.open();
  const { shadow } = opened.maps.operations;
  // @ts-expect-error a program of another kind
  shadow.start = opened.programs.on_write;
  // @ts-expect-error a function's name
  shadow.start = "start";
  // @ts-expect-error a program that is loaded
  shadow.start = Types.load().programs.start;
  // @ts-expect-error no such member
  shadow.restart = opened.programs.start;
  // @ts-expect-error pointers to data are not libbpf's to fill in
  shadow.label = 0n;
  // @ts-expect-error and no bit-fields
  shadow.bits = 1;
  // @ts-expect-error text for a number
  shadow.word = "1";
  // @ts-expect-error a member is missing
  shadow.at = { x: 1 };
  // @ts-expect-error a map of another kind has no struct
  opened.maps.counter.shadow;
  // @ts-expect-error it is fixed when it is loaded
  Types.load().maps.operations.shadow.word = 1;
  // @ts-expect-error a struct_ops program is attached by its map
  Types.load().programs.start.attach();
}

/** After it. */
export function loaded(): void {
  const loaded = Types.load();
  // @ts-expect-error .rodata is frozen
  loaded.rodata.verbose = true;
  // @ts-expect-error .rodata is frozen, in depth
  loaded.rodata.flags.one = 1;
  // @ts-expect-error .rodata is frozen, its arrays too
  loaded.rodata.ports[0] = 1;
  // @ts-expect-error .kconfig is frozen
  loaded.kconfig.CONFIG_BPF = false;
  // @ts-expect-error a map's size is fixed when it is loaded
  loaded.maps.connections.maxEntries = 1;
  // @ts-expect-error a program is loaded already
  loaded.programs.on_write.autoload = false;
  // @ts-expect-error no such map
  loaded.maps.nowhere;
  // @ts-expect-error no such program
  loaded.programs.nowhere;
  // @ts-expect-error no such section
  loaded.data_foo;
  // @ts-expect-error a number for a variable of 128 bits
  loaded.data.huge = 1;
  // @ts-expect-error a number for __u64
  loaded.maps.counter.set(0, 1);
  // @ts-expect-error text for a key that is a number
  loaded.maps.by_state.get("STATE_IDLE");
  // @ts-expect-error a number for a key that is text
  loaded.maps.by_name.get(1);
  // @ts-expect-error a member of the value is missing
  loaded.maps.by_state.set(State.STATE_IDLE, { major: 1 });
  // @ts-expect-error a ring buffer has no entries
  loaded.maps.records.get(0);
  // @ts-expect-error an array's elements cannot be deleted
  loaded.maps.counter.delete(0);
}

/** What programs attach to. */
export function attach(): void {
  const { programs } = Types.load();
  // @ts-expect-error the section names no tracepoint
  programs.anywhere.attach();
  // @ts-expect-error a cookie is not a target
  programs.anywhere.attach({ cookie: 1n });
  // @ts-expect-error a category without a name
  programs.on_write.attach({ category: "syscalls" });
  // @ts-expect-error a tracepoint is not an interface
  programs.on_write.attach("lo");
  // @ts-expect-error a cookie of 64 bits
  programs.on_write.attach({ cookie: 1 });
  // @ts-expect-error which interface?
  programs.packets.attach();
  // @ts-expect-error an interface is not a number
  programs.packets.attach(1);
  // @ts-expect-error a path without a place in it
  programs.on_call.attach({ path: "/bin/true" });
  // @ts-expect-error a function without its file
  programs.on_call.attach({ symbol: "main" });
}

/** A skeleton that brings no object must be given one. */
export function without(): void {
  // @ts-expect-error no object
  Kinds.open();
  // @ts-expect-error options, but no object
  Kinds.open({ name: "kinds" });
  // @ts-expect-error no object
  Kinds.load();
  // @ts-expect-error no object
  Kinds.load((opened) => (opened.rodata.limit = 1));
  // @ts-expect-error no object
  Kinds.attach(undefined, {});
}

/** Maps without an object. */
export function ownMaps(): void {
  // @ts-expect-error a class needs its codecs
  BpfMap.create({ maxEntries: 8 }, HashMap, codecs.u32);
  // @ts-expect-error one codec too many
  BpfMap.open({ id: 1 }, RawMap, codecs.u32);
  // @ts-expect-error by id or by pin
  BpfMap.open({}, RawMap);
  // @ts-expect-error which class?
  BpfMap.open({ id: 1 });
  const made = BpfMap.create({ maxEntries: 8 }, HashMap, codecs.u32, codecs.u64);
  // @ts-expect-error a number for a 64-bit integer
  made.set(1, 1);
  // @ts-expect-error there is no such option
  made.set(1, 1n, { locked: true });
}
