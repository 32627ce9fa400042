/** A program, and each kind of change to it that application code may notice, compiled for real. */
export const base = `#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
char LICENSE[] SEC("license") = "GPL";
enum state { IDLE, RUNNING, DONE };
struct pair { __u16 a; __u16 b; };
struct event { __u32 pid; __u16 port; __u8 level; __u8 spare; enum state state; char comm[16]; struct pair pair; __u8 low : 4; __u8 high : 4; };
struct value { __u64 count; __u32 last; __u32 flags; };
const volatile __u32 wanted = 1;
__u64 dropped = 0;
struct pair both = {};
struct { __uint(type, BPF_MAP_TYPE_HASH); __uint(max_entries, 64); __type(key, __u32); __type(value, struct value); } live SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_ARRAY); __uint(max_entries, 8); __type(key, __u32); __type(value, __u64); } table SEC(".maps");
struct { __uint(type, BPF_MAP_TYPE_RINGBUF); __uint(max_entries, 4096); __type(value, struct event); } events SEC(".maps");
SEC("tp/sched/sched_process_exec") int on_exec(void *ctx) { dropped += wanted + both.a; return 0; }
SEC("xdp") int count(struct xdp_md *ctx) { return 2; }
`;

type Row = readonly [what: string, from: string | RegExp, to: string, ...report: string[]];
const rows: readonly Row[] = [
  [
    "a map added",
    /(struct \{ .* \}) table/,
    '$1 table SEC(".maps");\n$1 more',
    "compatible: map more: added",
  ],
  ["a map removed", /.* table SEC.*\n/, "", "breaking: map table: removed"],
  ["a map renamed", " live SEC", " alive SEC", "breaking: map live: renamed to alive"],
  ["a map resized", "max_entries, 64", "max_entries, 32", "compatible: map live: 64 → 32 entries"],
  ["an array shrunk", "max_entries, 8", "max_entries, 4", "breaking: map table: 8 → 4 entries"],
  ["an array grown", "max_entries, 8", "max_entries, 9", "compatible: map table: 8 → 9 entries"],
  ["a ring resized", "max_entries, 4096", "max_entries, 8192", "compatible: map events: 4096 → 8192 bytes"],
  [
    "a map of another kind",
    "TYPE_HASH",
    "TYPE_LRU_HASH",
    "compatible: map live: BPF_MAP_TYPE_HASH → BPF_MAP_TYPE_LRU_HASH",
  ],
  [
    "a map of another class",
    "TYPE_HASH",
    "TYPE_PERCPU_HASH",
    "breaking: map live: BPF_MAP_TYPE_HASH → BPF_MAP_TYPE_PERCPU_HASH: HashMap<number, Value> became PerCpuHashMap<number, Value>",
  ],
  [
    "a key widened to a bigint",
    "__type(key, __u32); __type(value, struct value)",
    "__type(key, __u64); __type(value, struct value)",
    "breaking: map live: key: __u32 → __u64: number became bigint",
  ],
  [
    "a key narrowed",
    "__type(key, __u32); __type(value, struct value)",
    "__type(key, __u16); __type(value, struct value)",
    "breaking: map live: key: __u32 → __u16: not all values fit any more",
  ],
  [
    "a value of another type",
    "__type(value, __u64)",
    "__type(value, struct value)",
    "breaking: map table: value: __u64 → struct value: bigint became Value",
  ],
  [
    "a record of another type",
    "__type(value, struct event)",
    "__type(value, struct value)",
    "breaking: map events: record: struct event → struct value: Event became Value",
    "breaking: State: removed (enum state)",
    "breaking: Event: removed (struct event)",
  ],
  [
    "a field added to what is only read",
    "char comm[16];",
    "char comm[16]; __u64 when;",
    "compatible: Event: moved: pair, low, high",
    "compatible: Event.when: added (__u64)",
  ],
  [
    "a field added to what is written",
    "__u32 flags; }",
    "__u32 flags; __u64 more; }",
    "breaking: Value.more: added (__u64): code that writes whole values must give it",
  ],
  ["a field removed", "__u8 spare;", "", "breaking: Event.spare: removed (__u8)"],
  ["a field renamed", "__u32 pid;", "__u32 tgid;", "breaking: Event.pid: renamed to tgid"],
  [
    "fields moved",
    "__u32 last; __u32 flags;",
    "__u32 flags; __u32 last;",
    "compatible: Value: moved: last, flags",
  ],
  [
    "a field widened",
    "__u8 level; __u8 spare;",
    "__u16 level;",
    "breaking: Event.spare: removed (__u8)",
    "compatible: Event.level: __u8 → __u16",
  ],
  [
    "a field widened to a bigint",
    "__u32 last; __u32 flags;",
    "__u64 last; __u32 flags;",
    "breaking: Value.last: __u32 → __u64: number became bigint",
    "compatible: Value.flags: moved from 12 to 16",
  ],
  [
    "a field widened in what is written",
    "struct pair { __u16 a;",
    "struct pair { __u32 a;",
    "compatible: Pair.a: __u16 → __u32",
    "compatible: Pair.b: moved from 2 to 4",
    "compatible: Event: moved: low, high",
  ],
  [
    "a field narrowed",
    "__u16 port;",
    "__u8 port;",
    "breaking: Event.port: __u16 → __u8: not all values fit any more",
    "compatible: Event: moved: level, spare",
  ],
  ["a field with another sign", "__u16 port;", "__s16 port;", "breaking: Event.port: __u16 → __s16"],
  [
    "a text longer",
    "char comm[16]",
    "char comm[20]",
    "compatible: Event.comm: char[16] → char[20]",
    "compatible: Event: moved: pair, low, high",
  ],
  [
    "a text shorter",
    "char comm[16]",
    "char comm[12]",
    "breaking: Event.comm: char[16] → char[12]: not all values fit any more",
    "compatible: Event: moved: pair, low, high",
  ],
  [
    "a bit-field narrower",
    "high : 4",
    "high : 3",
    "breaking: Event.high: __u8 : 4 → __u8 : 3: not all values fit any more",
  ],
  [
    "a type of another name, laid out alike",
    "__u32 pid;",
    "unsigned int pid;",
    "compatible: Event.pid: __u32 → unsigned int, laid out alike",
  ],
  [
    "a type renamed",
    /struct value/g,
    "struct amount",
    "breaking: map live: value: struct value → struct amount: Value became Amount",
    "breaking: Value: renamed to Amount",
  ],
  [
    "a struct that became a union",
    /struct pair/g,
    "union pair",
    "breaking: Pair: struct pair → union pair: a struct became a union",
    "compatible: Event: moved: low, high",
  ],
  ["an enum value added", "DONE }", "DONE, GONE }", "compatible: State.GONE: added (3)"],
  ["an enum value removed", ", DONE }", " }", "breaking: State.DONE: removed (2)"],
  ["an enum value renamed", "DONE }", "ENDED }", "breaking: State.DONE: renamed to ENDED"],
  [
    "an enum value changed",
    "RUNNING,",
    "RUNNING = 7,",
    "breaking: State.RUNNING: 1 → 7",
    "breaking: State.DONE: 2 → 8",
  ],
  [
    "a program added",
    /$/,
    'SEC("xdp") int more(struct xdp_md *ctx) { return 2; }\n',
    "compatible: program more: added",
  ],
  [
    "a program removed",
    /SEC\("xdp"\).*\n/,
    "",
    "breaking: program count: removed",
    "breaking: XdpMd: removed (struct xdp_md)",
  ],
  ["a program renamed", "int count(", "int counted(", "breaking: program count: renamed to counted"],
  [
    "a program with another target",
    "tp/sched/sched_process_exec",
    "tp/sched/sched_process_exit",
    'compatible: program on_exec: SEC("tp/sched/sched_process_exec") → SEC("tp/sched/sched_process_exit")',
  ],
  [
    "a program without its target",
    "tp/sched/sched_process_exec",
    "tp",
    'breaking: program on_exec: SEC("tp/sched/sched_process_exec") → SEC("tp"): attach() leaves it out',
  ],
  [
    "a program of another kind",
    'SEC("xdp")',
    'SEC("tc")',
    'breaking: program count: SEC("xdp") → SEC("tc"): WithContext<XdpMd> & Xdp became Tc<"arguments">',
    "breaking: XdpMd: removed (struct xdp_md)",
  ],
  [
    "a global added",
    "__u64 dropped = 0;",
    "__u64 dropped = 0; __u8 extra = 0;",
    "compatible: bss.extra: added (__u8)",
  ],
  [
    "a global removed",
    /struct pair both = \{\};(.*) \+ both\.a/s,
    "$1",
    "breaking: bss.both: removed (struct pair)",
  ],
  [
    "globals moved",
    "__u64 dropped = 0;\nstruct pair both = {};",
    "struct pair both = {};\n__u64 dropped = 0;",
    "compatible: bss: moved: dropped, both",
  ],
  ["a global renamed", /dropped/g, "lost", "breaking: bss.dropped: renamed to lost"],
  [
    "a global narrowed",
    "const volatile __u32 wanted",
    "const volatile __u16 wanted",
    "breaking: rodata.wanted: const volatile __u32 → const volatile __u16: not all values fit any more",
  ],
  [
    "a global in another section",
    "__u64 dropped = 0;",
    "__u64 dropped = 1;",
    "breaking: bss.dropped: is in data now",
  ],
  [
    "a global of another type",
    "__u64 dropped",
    "__u32 dropped",
    "breaking: bss.dropped: __u64 → __u32: bigint became number",
  ],
  ["other code", "return 0; }", "return 1; }"],
];

/** What is done to {@link base}, and what is reported of it. */
export const cases: readonly {
  readonly what: string;
  readonly edit: (source: string) => string;
  readonly report: readonly string[];
}[] = rows.map(([what, from, to, ...report]) => ({
  what,
  edit: (source: string) => (typeof from === "string" ? source.replace(from, to) : source.replace(from, to)),
  report,
}));
