import {
  FormatError,
  fingerprint,
  firstDifference,
  parseBtf,
  readElf,
  readSections,
  sectionNamed,
  symbols,
} from "../btf/index.js";
import { BpfError } from "../errors.js";
import type { SectionSpec } from "./section.js";

/** What a skeleton knows of the object that it was generated from. */
export interface Expected {
  readonly layout: { readonly fingerprint: string; readonly types: readonly string[] };
  readonly maps: object;
  readonly globals: object;
  /** The object itself, where the skeleton brings it. */
  original(): Uint8Array | undefined;
}

/**
 * Refuses an object that is not the one a skeleton was generated from, as far as its layouts go: reading it by this
 * skeleton would give wrong values.
 */
export function checkLayout(name: string, bytes: Uint8Array, expected: Expected): void {
  const { layout } = expected;
  if (layout.fingerprint === "" || !(bytes instanceof Uint8Array)) return;
  try {
    const given = parse(bytes);
    if (given && fingerprint(given.elf, given.btf, layout.types) === layout.fingerprint) return;
    const what = given ? differenceOf(given, expected) : "it has no BTF";
    throw new BpfError(
      `${name}: the object's maps, globals or records are laid out differently than in its skeleton: ${what} — regenerate the skeleton`,
      { code: "ERR_BPF_LAYOUT" },
    );
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new BpfError(`${name}: ${cause.message} — is it a BPF object, whole, as the compiler wrote it?`, {
      code: "ERR_BPF_OBJECT",
      cause,
    });
  }
}

type Parsed = Parameters<typeof firstDifference>[0];

function parse(bytes: Uint8Array): Parsed | undefined {
  const elf = readElf(bytes);
  const btf = sectionNamed(elf, ".BTF");
  return btf && { elf, btf: parseBtf(btf.data) };
}

/** What differs: exactly, where the skeleton brings its object, else as far as names, places and sizes tell. */
function differenceOf(given: Parsed, { layout, maps, globals, original }: Expected): string {
  const bytes = original();
  const before = bytes && parse(bytes);
  const exactly = before && firstDifference(before, given, layout.types);
  if (exactly) return exactly;
  const { elf, btf } = given;
  const all = symbols(elf);
  const missing = Object.keys(maps).find((map) => !all.some((symbol) => symbol.name === map));
  if (missing !== undefined) return `it has no map "${missing}"`;
  const sections = readSections(btf, elf, all);
  for (const { section, fields } of Object.values(globals) as SectionSpec<Record<string, unknown>>[]) {
    const there = sections.find((each) => each.section === section);
    for (const [variable, [at, { size }]] of Object.entries(fields)) {
      const found = there?.variables.find((each) => each.name === variable);
      const what = `${section}: ${variable}`;
      if (!found) return `${what} is not there`;
      if (found.at !== at) return `${what} is at ${found.at}, not at ${at}`;
      if (found.size !== size) return `${what} has ${found.size} bytes, not ${size}`;
    }
  }
  return "a key, a value, a record or a member of a global";
}
