/** What is measured, against what, and what it has to reach. The works themselves are in `ours.ts`, `bench.c` and `peer.mjs`. */

/**
 * Who does a work. `bare koffi`: the system call through the FFI and nothing else, the least that ours can take ·
 * `idle`: a process of Node's that only waits · `ts-morph`: an import of it alone.
 */
export type Contender =
  | "ours"
  | "ours by views"
  | "C"
  | "C in batches"
  | "npm bpf"
  | "bare koffi"
  | "idle"
  | "ts-morph"
  | "ours on Node 24"
  | "ts-morph on Node 24";

/** What a work printed, by name; of several rounds, the medians. */
export type Figures = Readonly<Record<string, number>>;

/** One line of the results. */
export interface Row {
  readonly name: string;
  readonly unit: string;
  readonly ours: number;
  /** Whom ours is held against, and what that took; absent where only ours is looked at. */
  readonly against?: { readonly who: Contender; readonly value: number } | undefined;
  /** Absent where nothing has to be reached: the row explains another. */
  readonly wanted?: string | undefined;
  readonly reached: boolean;
  /** Why it may not be reached, as far as that is known. */
  readonly why?: string | undefined;
}

/** A work, its contenders' arguments, and the rows that their medians make. */
export interface Work {
  readonly name: string;
  /** Its processes do a round each in turn, of some ten milliseconds, so that all meet the machine as it is then. */
  readonly inTurns?: true;
  readonly contenders: Partial<Record<Contender, readonly string[]>>;
  readonly rows: readonly ((medians: Partial<Record<Contender, Figures>>) => Row | undefined)[];
}

type MakeRow = Work["rows"][number];

/** A row that holds one figure of ours against the same figure of another. */
function compare(
  name: string,
  unit: string,
  figure: (figures: Figures) => number,
  who: Contender,
  wanted: string | undefined,
  reaches: (ours: number, other: number) => boolean,
  { whose = "ours", why }: { readonly whose?: Contender; readonly why?: string } = {},
): MakeRow {
  return (medians) => {
    const [mine, other] = [medians[whose], medians[who]];
    if (!mine || !other) return undefined;
    const [ours, value] = [figure(mine), figure(other)];
    return { name, unit, ours, against: { who, value }, wanted, reached: reaches(ours, value), why };
  };
}

/**
 * A row that says how many times as long ours takes as another.
 * @param why it may not be reached.
 */
const times = (name: string, limit: number, who: Contender = "C", why?: string): MakeRow =>
  compare(
    name,
    "ns",
    ({ ns = NaN }) => ns,
    who,
    `≤ ${limit} × ${who}`,
    (ours, other) => ours <= limit * other,
    why === undefined ? {} : { why },
  );

/** Why operations that are little more than a system call miss their limit, where they do. */
const CALLS =
  "the row below it shows what is left when nothing but the call through the FFI is measured. Where system calls are " +
  "fast, the call's 50 ns weigh more";

/** Why values of all CPUs take longer. */
const PER_CPU =
  "the call through the FFI, as in the first rows, and an array of bigints made of what C only reads";

/** Why a flood drops what it does. */
const SLOWED =
  "the producer sends as fast as it can, and C's wake-ups slow it down to less than half of what it sends beside ours, so " +
  "that little is left to drop. What is made an object takes longer to take in than to send";

/** Why reading a 64-bit number may take longer than it should. */
const BIGINT = "a bigint is an object of its own that is made each time";

/** Why figures without another's beside them may be missed. */
const ALONE =
  "in nanoseconds, not in ratios: they are of a machine on which nobody else keeps the CPU's other thread busy";

/** A row that says that ours stays below a limit of its own. */
const atMost = (
  name: string,
  unit: string,
  limit: number,
  {
    figure = ({ ns = NaN }) => ns,
    why,
  }: { readonly figure?: (figures: Figures) => number; readonly why?: string } = {},
): MakeRow => {
  return ({ ours }) => {
    if (!ours) return undefined;
    const value = figure(ours);
    return { name, unit, ours: value, wanted: `≤ ${limit} ${unit}`, reached: value <= limit, why };
  };
};

/** A row that says what the system call alone takes through the FFI: what no code of ours can go below. */
const floor = (name: string): MakeRow =>
  compare(
    `${name}: the bare call through the FFI`,
    "ns",
    ({ ns = NaN }) => ns,
    "C",
    undefined,
    () => true,
    { whose: "bare koffi" },
  );

/** The same work by the same name, in C and ours. */
const both = (work: string): Work["contenders"] => ({ ours: [work], C: [work] });

/** A row that holds a whole process of the generator against one that only imports what it prints with. */
const coldStart = (ours: Contender, other: Contender): MakeRow =>
  compare(
    `bpf-tsgen, whole process, a sample's object${ours === "ours" ? "" : ", on Node 24, compile cache warm"}`,
    "ms",
    ({ ms = NaN }) => ms,
    other,
    "≤ 1.25 × ts-morph",
    (mine, value) => mine <= 1.25 * value,
    { whose: ours },
  );

const dropped = ({ dropped = NaN, events = NaN }: Figures): number => (100 * dropped) / (dropped + events);
const millions = ({ events = NaN, seconds = NaN }: Figures): number => events / seconds / 1e6;
const percent = ({ cpu = NaN }: Figures): number => 100 * cpu;

/** @param seconds how long each delivery from another process lasts, after the first second that settles it. */
export function works(seconds: number): Work[] {
  const flood = ["0", "32", `${seconds + 1}`];
  const deliver = (rate: number, burst: number): Work["contenders"] => {
    const args = [rate, burst, seconds + 1].map(String);
    return { ours: ["deliver", "objects", ...args], C: ["deliver", ...args] };
  };
  const idle = ["idle", "bare", `${seconds}`];
  return [
    {
      name: "hash-get",
      inTurns: true,
      contenders: { ...both("hash-get"), "bare koffi": ["bare", "hash-get"] },
      rows: [times("hash map: get a u32", 1.2, "C", CALLS), floor("hash map: get a u32")],
    },
    {
      name: "hash-set",
      inTurns: true,
      contenders: { ...both("hash-set"), "bare koffi": ["bare", "hash-set"] },
      rows: [times("hash map: set a u32", 1.2, "C", CALLS), floor("hash map: set a u32")],
    },
    {
      name: "array-get",
      inTurns: true,
      contenders: { ...both("array-get"), "bare koffi": ["bare", "array-get"] },
      rows: [times("array: get a u32", 1.2, "C", CALLS), floor("array: get a u32")],
    },
    {
      name: "array-set",
      inTurns: true,
      contenders: { ...both("array-set"), "bare koffi": ["bare", "array-set"] },
      rows: [times("array: set a u32", 1.2, "C", CALLS), floor("array: set a u32")],
    },
    {
      name: "hash-get-object",
      inTurns: true,
      contenders: { ...both("hash-get-object"), "npm bpf": ["hash-get-object"] },
      rows: [
        times(
          "hash map: get an object of four fields; C, its bytes",
          1.35,
          "C",
          "the call through the FFI alone takes nearly that, see the first rows; the object, its bigint and its text take " +
            "some 100 ns more",
        ),
        times("hash map: get an object of four fields", 0.55, "npm bpf"),
      ],
    },
    {
      name: "walk",
      inTurns: true,
      contenders: { ...both("walk"), "C in batches": ["walk-batch"], "npm bpf": ["walk"] },
      rows: [
        times(
          "walk over 100,000 entries, an object each; C, by next_key and lookup",
          0.2,
          "C",
          "where system calls are fast, C's own batches are no more than five or six times as fast as that loop; held " +
            "against these, see the next row",
        ),
        times(
          "walk over 100,000 entries, an object each",
          1.6,
          "C in batches",
          "the objects, which C does not make",
        ),
        times("walk over 100,000 entries, an object each", 0.55, "npm bpf"),
      ],
    },
    {
      name: "percpu-hash-get",
      inTurns: true,
      contenders: both("percpu-hash-get"),
      rows: [times("per-CPU hash map: get", 1.3, "C", PER_CPU)],
    },
    {
      name: "percpu-array-get",
      inTurns: true,
      contenders: both("percpu-array-get"),
      rows: [times("per-CPU array: get", 1.3, "C", PER_CPU)],
    },
    {
      name: "test-run",
      inTurns: true,
      contenders: both("test-run"),
      rows: [
        times(
          "testRun() of an XDP program",
          1.2,
          "C",
          "the packet comes back as bytes of the caller's own, which JavaScript takes some 80 ns to make, beside an " +
            "object for the result; C writes into a buffer that it has",
        ),
      ],
    },
    {
      name: "global-u32",
      inTurns: true,
      contenders: { ours: ["global-u32"] },
      rows: [atMost("global: read a u32", "ns", 10)],
    },
    {
      name: "global-u64",
      inTurns: true,
      contenders: { ours: ["global-u64"] },
      rows: [atMost("global: read a u64", "ns", 15, { why: BIGINT })],
    },
    {
      name: "global-array",
      inTurns: true,
      contenders: { ours: ["global-array"] },
      rows: [atMost("global: each element of an array of u32, in a loop over it", "ns", 10, { why: ALONE })],
    },
    {
      name: "mapped-u32",
      inTurns: true,
      contenders: { ours: ["mapped-u32"] },
      rows: [atMost("mapped array: get a u32", "ns", 10, { why: ALONE })],
    },
    {
      name: "mapped-u64",
      inTurns: true,
      contenders: { ours: ["mapped-u64"] },
      rows: [atMost("mapped array: get a u64", "ns", 15, { why: BIGINT })],
    },
    {
      name: "consume-view",
      inTurns: true,
      contenders: { ours: ["consume-view"] },
      rows: [atMost("ring buffer, an event: one field of a view", "ns", 20, { why: ALONE })],
    },
    {
      name: "consume-pairs",
      inTurns: true,
      contenders: { ours: ["consume-pairs"] },
      rows: [atMost("ring buffer, an event: an object of two numbers", "ns", 35, { why: ALONE })],
    },
    {
      name: "consume-events",
      inTurns: true,
      contenders: both("consume-events"),
      rows: [
        atMost("ring buffer, an event: an object with a bigint and a char[16]", "ns", 60, { why: ALONE }),
      ],
    },
    {
      name: "flood",
      contenders: {
        ours: ["deliver", "objects", ...flood],
        "ours by views": ["deliver", "views", ...flood],
        C: ["deliver", ...flood],
        idle,
      },
      rows: [
        compare(
          "flood: events taken in, by views",
          "M/s",
          millions,
          "C",
          "more than C",
          (ours, c) => ours > c,
          {
            whose: "ours by views",
          },
        ),
        compare("flood: events dropped, by views", "%", dropped, "C", "fewer than C", (ours, c) => ours < c, {
          whose: "ours by views",
          why: SLOWED,
        }),
        compare(
          "flood: events taken in, an object each",
          "M/s",
          millions,
          "C",
          "more than C",
          (ours, c) => ours > c,
        ),
        compare(
          "flood: events dropped, an object each",
          "%",
          dropped,
          "C",
          "fewer than C",
          (ours, c) => ours < c,
          {
            why: SLOWED,
          },
        ),
        compare(
          "flood: delay of the event loop, p99",
          "ms",
          ({ loop99 = NaN }) => loop99,
          "idle",
          "≤ 2 × idle",
          (ours, other) => ours <= 2 * other,
        ),
      ],
    },
    {
      name: "1 kHz",
      contenders: deliver(1_000, 1),
      rows: [
        compare(
          "1,000 events/s: from submit to handler, p50",
          "µs",
          ({ p50 = NaN }) => p50,
          "C",
          "≤ 2.5 × C",
          (ours, c) => ours <= 2.5 * c,
        ),
        atMost("1,000 events/s: CPU", "%", 4, {
          figure: percent,
          why: "each event is a wake-up of its own, of some 60 µs in libuv, N-API and a promise",
        }),
      ],
    },
    {
      name: "100 kHz",
      contenders: deliver(100_000, 1),
      rows: [compare("100,000 events/s: CPU", "%", percent, "C", "≤ C", (ours, c) => ours <= c)],
    },
    {
      name: "idle",
      contenders: { ours: ["idle", "ring", `${seconds}`], idle },
      rows: [
        compare(
          "waiting for a silent ring buffer: wake-ups",
          "/s",
          ({ wakes = NaN }) => wakes / seconds,
          "idle",
          "no more",
          (ours, other) => ours <= other + 1,
        ),
        atMost("waiting for a silent ring buffer: CPU", "%", 0.1, { figure: percent }),
      ],
    },
    {
      name: "generate",
      contenders: {
        ours: ["generate"],
        "ts-morph": ["import"],
        "ours on Node 24": ["generate"],
        "ts-morph on Node 24": ["import"],
      },
      rows: [coldStart("ours", "ts-morph"), coldStart("ours on Node 24", "ts-morph on Node 24")],
    },
    {
      name: "generate-more",
      contenders: { ours: ["generate-more"] },
      rows: [
        atMost("bpf-tsgen, each further object in one process", "ms", 15, { figure: ({ ms = NaN }) => ms }),
      ],
    },
    {
      name: "instantiations",
      contenders: { ours: ["instantiations"] },
      rows: [
        atMost("type-check: what a skeleton of 50 types and 20 maps adds", "instantiations", 8_000, {
          figure: ({ count = NaN }) => count,
        }),
      ],
    },
  ];
}
