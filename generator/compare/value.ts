/** A value's type, as far as application code knows it. */
export interface Value {
  /** In C. */
  readonly c: string;
  /** In TypeScript. */
  readonly type: string;
  /** How it lies in memory: `u32`, `text(16)`, `Event`. */
  readonly storage: string;
}

/** A struct that became a union is a change of that type, and not of each value. */
function withoutTag(c: string): string {
  return c.replace(/\b(struct|union|enum) /g, "");
}

/** How a value's type has changed. */
export interface ValueChange {
  readonly how: "widened" | "narrowed" | "type";
  readonly breaking: boolean;
  readonly message: string;
}

/** What has changed of a value's type, if anything. */
export function valueChange(before: Value, after: Value): ValueChange | undefined {
  const from = size(before.storage);
  const to = size(after.storage);
  const c = `${before.c || before.type} → ${after.c || after.type}`;
  const how = !from || !to || from.of !== to.of ? "type" : to.bits > from.bits ? "widened" : "narrowed";
  const isSameSize = from !== undefined && to !== undefined && from.of === to.of && from.bits === to.bits;
  if (before.type !== after.type)
    return {
      how: isSameSize ? "type" : how,
      breaking: true,
      message: `${c}: ${before.type} became ${after.type}`,
    };
  if (before.storage === after.storage || isSameSize)
    return withoutTag(before.c) === withoutTag(after.c)
      ? undefined
      : { how: "type", breaking: false, message: `${c}, laid out alike` };
  if (how === "widened") return { how, breaking: false, message: c };
  if (how === "narrowed") return { how, breaking: true, message: `${c}: not all values fit any more` };
  return { how, breaking: true, message: before.c === after.c ? `${before.storage} → ${after.storage}` : c };
}

/** What a value is of, and how much of it there is: only values of the same are wider or narrower than each other. */
function size(storage: string): { readonly of: string; readonly bits: number } | undefined {
  const [, integer, width] = /^([us])(\d+)$/.exec(storage) ?? [];
  if (width !== undefined) return { of: integer === "s" ? "signed" : "unsigned", bits: Number(width) };
  const [, float] = /^f(32|64)$/.exec(storage) ?? [];
  if (float !== undefined) return { of: "float", bits: Number(float) };
  const [, text] = /^text\((\d+)\)$/.exec(storage) ?? [];
  if (text !== undefined) return { of: "text", bits: 8 * Number(text) };
  // Where its bits are is another matter.
  const [, bits, signed] = /^bits(?:64)?\(\d+, (\d+), (\w+)\)$/.exec(storage) ?? [];
  if (bits !== undefined) return { of: signed === "true" ? "signed" : "unsigned", bits: Number(bits) };
  return undefined;
}
