// The laws of CONTRACT §3, held over one codec with random bytes and random values.
import { isDeepStrictEqual } from "node:util";
import type { KeyForm } from "../../runtime/codec/codec.js";
import { Memory } from "../../runtime/codec/memory.js";
import type { Codec } from "../../runtime/codec/types.js";
import { copy } from "../../runtime/codec/view.js";
import type { Oracle, Random } from "./oracle.js";
import { composites, elements } from "./recorder.js";

const ROUNDS = 24;
/** Beyond this many bytes a value is decoded once or twice, not over and over. */
const LARGE = 8192;

/** A type of the object and the codec that was generated for it. */
export interface Pair {
  readonly where: string;
  readonly type: number;
  readonly codec: Codec<unknown>;
}

/** Walks down both sides, offset by offset: what differs, and each struct or union that was met, once. */
export function compareLayout(oracle: Oracle, pair: Pair, met: Map<string, Pair>, wrong: string[]): void {
  const { where, type, codec } = pair;
  const expect = (what: string, ours: unknown, theirs: unknown): void => {
    if (ours !== theirs) wrong.push(`${where}: ${what} is ${theirs}, not ${ours}`);
  };
  const stripped = oracle.strip(type);
  if (!Number.isNaN(oracle.size(type))) expect("size", codec.size, oracle.size(type));
  if (stripped.kind === "ARRAY") {
    const element = elements.get(codec);
    if (element)
      compareLayout(
        oracle,
        { where: `${where}[]`, type: stripped.type_id!, codec: asCodec(element) },
        met,
        wrong,
      );
    return;
  }
  if (stripped.kind !== "STRUCT" && stripped.kind !== "UNION") return;
  const composite = composites.get(codec);
  if (!composite) {
    wrong.push(`${where}: is a ${stripped.kind}, but its codec is none of a struct or union`);
    return;
  }
  const known = met.get(`${stripped.id}`);
  if (known) {
    if (known.codec !== codec) wrong.push(`${where}: has another codec than ${known.where}`);
    return;
  }
  met.set(`${stripped.id}`, pair);
  const { fields, parts } = oracle.fields(type);
  const isUnion = stripped.kind === "UNION";
  // Neither side says in which order anonymous unions come.
  const place = (a: { at: number; size: number }, b: { at: number; size: number }): number =>
    a.at - b.at || a.size - b.size;
  const order = parts.toSorted(place);
  const unions = (composite.unions ?? []).toSorted(place);
  const ours = isUnion
    ? [{ at: 0, size: composite.size, fields: composite.fields }]
    : parts.map((part) => unions[order.indexOf(part)]);
  if (!isUnion) expect("number of anonymous unions", unions.length, parts.length);
  for (const [i, part] of parts.entries()) {
    expect(`offset of union ${i}`, ours[i]?.at, part.at);
    expect(`size of union ${i}`, ours[i]?.size, part.size);
  }
  const tables = [isUnion ? {} : composite.fields, ...ours.map((part) => part?.fields ?? {})];
  const count = tables.reduce((sum, table) => sum + Object.keys(table).length, 0);
  expect("number of members", count, fields.length);
  for (const { name, type: inner, bit, width, union, room } of fields) {
    const table = tables[union === undefined ? 0 : union + 1] ?? {};
    const field = Object.hasOwn(table, name) ? table[name] : undefined;
    if (!field) {
      wrong.push(`${where}: has no member ${name}`);
      continue;
    }
    const [at, fieldCodec] = field;
    if (width > 0) continue; // Held by `expected`, bit by bit.
    expect(`offset of ${name}`, at + (union === undefined ? 0 : ours[union]!.at), bit / 8);
    if (room !== undefined) {
      expect(`size of ${name}`, asCodec(fieldCodec).size, room);
      continue;
    }
    compareLayout(oracle, { where: `${where}.${name}`, type: inner, codec: asCodec(fieldCodec) }, met, wrong);
  }
}

function asCodec(codec: object): Codec<unknown> {
  return codec as Codec<unknown>;
}

/** Every law that the codec breaks, told by what breaks it. */
export function breaches(oracle: Oracle, { where, type, codec }: Pair, random: Random): string[] {
  const rounds = codec.size > LARGE ? 2 : ROUNDS;
  const found: string[] = [];
  const floats = oracle.floats(type);
  const plain = oracle.hasPlainValue(type);
  for (let i = 0; i < rounds && found.length === 0; i++) {
    const bytes = random.bytes(codec.size);
    try {
      found.push(...ofBytes(oracle, type, codec, bytes, floats).map((what) => `${where}: ${what}`));
      if (!plain) continue;
      const value = oracle.random(type, random);
      found.push(...ofValue(codec, value).map((what) => `${where}: ${what}`));
    } catch (error) {
      found.push(
        `${where}: ${error instanceof Error ? error.stack : error} — bytes ${bytes.toString("hex", 0, 64)}`,
      );
    }
  }
  return found;
}

function ofBytes(
  oracle: Oracle,
  type: number,
  codec: Codec<unknown>,
  bytes: Buffer,
  floats: boolean,
): string[] {
  const found: string[] = [];
  const say = (what: string, difference: string | undefined): void => {
    if (difference !== undefined)
      found.push(`${what}: ${difference} — bytes ${bytes.toString("hex", 0, 256)}`);
  };
  const memory = new Memory(Uint8Array.from(bytes), oracle.littleEndian);
  const decoded = codec.decode(memory, 0);
  const expected = oracle.expected(type, bytes, 0);
  say("decode", difference(expected, decoded));
  const view = codec.view(memory, 0);
  say("view", difference(expected, view));
  if (typeof view === "object" && view !== null) say("copy of a view", difference(expected, copy(view)));

  const law = (form: Codec<unknown>, value: unknown, key: boolean): string | undefined => {
    const back = encoded(codec, value, oracle.littleEndian);
    const wanted = Buffer.alloc(codec.size);
    oracle.canonical(type, bytes, 0, wanted, key);
    if (wanted.equals(back)) return undefined;
    // The payload of a NaN may change; then what both say is the same.
    if (
      floats &&
      difference(oracle.expected(type, wanted, 0), form.decode(new Memory(back, oracle.littleEndian), 0)) ===
        undefined
    )
      return undefined;
    return `${Buffer.from(back).toString("hex", 0, 256)}, not ${wanted.toString("hex", 0, 256)}`;
  };
  say("decode, encode", law(codec, decoded, false));
  if (typeof view === "object") say("view, encode", law(codec, view, false));
  // A record may be longer than its type: what is flexible has the rest, and nothing else has.
  if (composites.has(codec)) {
    const record = Buffer.concat([bytes, Buffer.from("a longer record")]);
    const memory = new Memory(Uint8Array.from(record), oracle.littleEndian);
    const whole = oracle.expected(type, record, 0, record.length);
    say("decode a longer record", difference(whole, codec.decode(memory, 0, record.length)));
  }
  const { keyForm } = codec as KeyForm<unknown>;
  if (keyForm) say("decode, encode a key", law(keyForm, keyForm.decode(memory, 0), true));
  // Byte orders differ only in where the bits are; what holds for one must hold for the other.
  const other = !oracle.littleEndian;
  const swapped = codec.decode(new Memory(Uint8Array.from(bytes), other), 0);
  const again = codec.decode(new Memory(encoded(codec, swapped, other), other), 0);
  say("decode, encode, decode in the other byte order", difference(swapped, again));
  return found;
}

function ofValue(codec: Codec<unknown>, value: unknown): string[] {
  const found: string[] = [];
  const bytes = encoded(codec, value, true);
  const back = codec.decode(new Memory(bytes, true), 0);
  const lost = difference(value, back);
  if (lost !== undefined) found.push(`encode, decode: ${lost}`);
  // Written through a view member by member, it is the same bytes.
  const memory = new Memory(new Uint8Array(codec.size), true);
  const view = codec.view(memory, 0);
  const composite = composites.get(codec);
  if (composite) {
    for (const member of Object.keys(value as object))
      (view as Record<string, unknown>)[member] = (value as Record<string, unknown>)[member];
    const written = memory.bytes(0, codec.size);
    const nan = difference(back, codec.decode(memory, 0)) === undefined;
    if (!isDeepStrictEqual(written, bytes) && !nan)
      found.push(
        `members set one by one: ${Buffer.from(written).toString("hex")}, not ${Buffer.from(bytes).toString("hex")}`,
      );
  }
  return found;
}

/** Into bytes that were not zero: what encode leaves out shows. */
function encoded(codec: Codec<unknown>, value: unknown, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(codec.size).fill(0xa5);
  codec.encode(new Memory(bytes, littleEndian), 0, value as never);
  return bytes;
}

/** The first place where `actual` is not what is expected, member by member; members that are not expected are passed over. */
export function difference(expected: unknown, actual: unknown, path = ""): string | undefined {
  if (typeof expected !== "object" || expected === null)
    return Object.is(expected, actual)
      ? undefined
      : `${path || "value"} is ${show(actual)}, not ${show(expected)}`;
  if (typeof actual !== "object" || actual === null) return `${path} is ${show(actual)}, not an object`;
  if (Array.isArray(expected) || ArrayBuffer.isView(expected)) {
    const list = expected as ArrayLike<unknown>;
    const other = actual as ArrayLike<unknown>;
    if (list.length !== other.length) return `${path} has ${other.length} elements, not ${list.length}`;
    for (let i = 0; i < list.length; i++) {
      const found = difference(list[i], other[i], `${path}[${i}]`);
      if (found) return found;
    }
    return undefined;
  }
  for (const name in expected) {
    const found = difference(
      (expected as Record<string, unknown>)[name],
      (actual as Record<string, unknown>)[name],
      `${path}.${name}`,
    );
    if (found) return found;
  }
  return undefined;
}

function show(value: unknown): string {
  return typeof value === "bigint" ? `${value}n` : (JSON.stringify(value) ?? String(value));
}
