import type { Member, NumberCodec, ValueType } from "../generator/model/model.js";
import { access, key } from "./escape.js";
import { rt } from "./runtime.js";

const typedArrays: Readonly<Record<NumberCodec, string>> = {
  u8: "Uint8Array",
  s8: "Int8Array",
  u16: "Uint16Array",
  s16: "Int16Array",
  u32: "Uint32Array",
  s32: "Int32Array",
  u64: "BigUint64Array",
  s64: "BigInt64Array",
  f32: "Float32Array",
  f64: "Float64Array",
};

/** The TypeScript type of a decoded value: `number`, `Uint8Array`, `Event`, `[State, State]`. */
export function tsType(type: ValueType): string {
  switch (type.kind) {
    case "number":
      return /64|128|ptr/.test(type.codec) && type.codec !== "f64" ? "bigint" : "number";
    case "bool":
      return "boolean";
    case "text":
      return "string";
    case "numbers":
      return typedArrays[type.codec];
    case "array": {
      const element = tsType(type.element);
      if (type.tuple) return `[${Array(type.length).fill(element).join(", ")}]`;
      return `${element}[]`;
    }
    case "bits":
      return type.enumeration ?? type.as;
    case "events":
      return `${rt("Events")}<${eventTypes(type)}>`;
    case "enum":
    case "named":
      return type.name;
  }
}

/** The codec of a value: `bpf.u32`, `bpf.text(16)`, `Event`. */
export function codec(type: ValueType): string {
  switch (type.kind) {
    case "number":
    case "enum":
      return rt(type.codec);
    case "bool":
      return rt("bool");
    case "text":
      return `${rt("text")}(${type.length})`;
    case "numbers":
      return `${rt(`${type.codec}Array`)}(${type.length})`;
    case "array":
      return `${rt(type.tuple ? "tuple" : "array")}(${codec(type.element)}, ${type.length})`;
    case "bits":
      if (type.as === "boolean") return `${rt("bitBool")}(${type.bit})`;
      return `${rt(type.as === "bigint" ? "bits64" : "bits")}(${type.bit}, ${type.width}, ${type.signed})`;
    case "events":
      return eventsCodec(type);
    case "named":
      return type.name;
  }
}

type EventsType = ValueType & { kind: "events" };

/** `{ exec: Exec; exit: Exit }` */
function eventTypes({ cases }: EventsType): string {
  return `{ ${cases.map(({ name, type }) => `${key(name)}: ${tsType(type)}`).join("; ")} }`;
}

/** `bpf.events<{ exec: Exec }>({ exec: { codec: Exec, when: { at: 0, codec: bpf.u32, value: 1 } } })` */
function eventsCodec(type: EventsType): string {
  const cases = type.cases.map(({ name, type: of, flexible, when }) => {
    const parts = [`codec: ${codec(of)}`, ...(flexible ? ["flexible: true"] : [])];
    if (when)
      parts.push(
        `when: { at: ${when.at}, codec: ${codec(when.type)}, value: ${literal(when.type, when.value)} }`,
      );
    return `${key(name)}: { ${parts.join(", ")} }`;
  });
  return `${rt("events")}<${eventTypes(type)}>({ ${cases.join(", ")} })`;
}

/** A number as a literal of the type that it is compared with. */
function literal(type: ValueType, value: bigint): string {
  if (type.kind === "bool" || (type.kind === "bits" && type.as === "boolean")) return String(value !== 0n);
  const wide =
    type.kind === "bits" ? type.as === "bigint" : "codec" in type && /[us]64|128|ptr/.test(type.codec);
  return wide ? `${value}n` : String(value);
}

/** Whether a value is plain: read and written by one call of `Memory`, and replaced when assigned. */
export function isPlain({ kind }: ValueType): boolean {
  return kind !== "numbers" && kind !== "array" && kind !== "named" && kind !== "events";
}

/**
 * Reads a member.
 *
 * given `pid`, u32 at 8 — `m.u32(at + 8)`; given `addr`, a struct at 16 — `Addr.decode(m, at + 16)`
 * @param name what the member's codec is called, when it has been put into a const.
 */
export function read({ type, at, flexible }: Member, name: string): string {
  const place = offset(at);
  switch (type.kind) {
    case "number":
    case "enum":
      return `m.${type.codec === "ptr" ? "u64" : type.codec}(${place})`;
    case "bool":
      return `m.bool(${place})`;
    case "text":
      return `m.text(${place}, ${type.length})`;
    case "bits": {
      const method = `${type.signed ? "s" : "u"}bits${type.as === "bigint" ? "64" : ""}`;
      const bits = `m.${method}(${place}, ${type.bit}, ${type.width})`;
      return type.as === "boolean" ? `${bits} !== 0` : bits;
    }
    default: {
      const rest = flexible ? `, size === undefined ? undefined : size - ${at}` : "";
      return `${name}.decode(m, ${place}${rest})`;
    }
  }
}

/** Writes a member: `m.setU32(at + 8, value.pid)`. */
export function encode({ type, at, name: member }: Member, name: string): string {
  const place = offset(at);
  const value = `value${access(member)}`;
  switch (type.kind) {
    case "number":
    case "enum": {
      const of = type.codec === "ptr" ? "u64" : type.codec;
      return `m.set${of.charAt(0).toUpperCase()}${of.slice(1)}(${place}, ${value})`;
    }
    case "bool":
      return `m.setBool(${place}, ${value})`;
    case "text":
      return `m.setText(${place}, ${type.length}, ${value})`;
    case "bits": {
      if (type.as === "boolean") return `${rt("bitBool")}(${type.bit}).encode(m, ${place}, ${value})`;
      const method = `set${type.signed ? "S" : "U"}bits${type.as === "bigint" ? "64" : ""}`;
      return `m.${method}(${place}, ${type.bit}, ${type.width}, ${value})`;
    }
    default:
      return `${name}.encode(m, ${place}, ${value})`;
  }
}

function offset(at: number): string {
  return at === 0 ? "at" : `at + ${at}`;
}

/** The codec that a member needs as a const of its own: one that would be made anew at each read. */
export function ownCodec(type: ValueType): boolean {
  return !isPlain(type) && type.kind !== "named";
}
