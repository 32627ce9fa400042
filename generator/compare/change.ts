/** What can have changed. */
export type ChangeKind =
  | "skeleton-renamed"
  | `${"program" | "map" | "global" | "type" | "field" | "enum-value"}-${"added" | "removed" | "renamed"}`
  | "program-section"
  | "map-kind"
  | "map-resized"
  | `map-${"key" | "value" | "record"}`
  | `${"global" | "field"}-${"moved" | "widened" | "narrowed" | "type"}`
  | "type-kind"
  | "type-resized"
  | "enum-value-changed";

/** One thing that has changed for application code. */
export interface Change {
  /** What has become of it. */
  readonly kind: ChangeKind;
  /** Whether code that was right may no longer compile, or mean something else. */
  readonly breaking: boolean;
  /** What it is about: `map live`, `program on_exec`, `Event`, `bss`. */
  readonly of: string;
  /** Which field, variable or value of it. */
  readonly member?: string;
  /** What it was. */
  readonly before?: string;
  /** What it is. */
  readonly after?: string;
  /** The change in words, without what it is about. */
  readonly message: string;
}

/** A thing that is told by its name. */
export interface Named {
  readonly name: string;
}

/** Makes a change of a thing; `before` and `after` are texts, or things that go by their names. */
export function change(
  kind: ChangeKind,
  breaking: boolean,
  of: string,
  message: string,
  before?: string | Named,
  after?: string | Named,
): Change {
  const text = (side: string | Named): string => (typeof side === "string" ? side : side.name);
  return {
    kind,
    breaking,
    of,
    message,
    ...(before !== undefined && { before: text(before) }),
    ...(after !== undefined && { after: text(after) }),
  };
}

/** The change of a member of a thing. */
export function memberChange(name: string, { kind, breaking, of, ...rest }: Change): Change {
  return { kind, breaking, of, member: name, ...rest };
}
