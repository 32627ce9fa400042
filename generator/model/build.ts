import {
  type Btf,
  type ElfFile,
  type ElfSymbol,
  FormatError,
  fingerprint,
  parseBtf,
  quote,
  readSections,
  symbols as readSymbols,
  SHN_UNDEF,
  STT_NOTYPE,
  STT_OBJECT,
  sectionNamed,
  structOpsVariables,
} from "../../runtime/btf/index.js";
import { readObject } from "../elf.js";
import { GenerateError } from "../errors.js";
import { stripDebug } from "../strip.js";
import { readMaps, typeNamed } from "./map-definitions.js";
import { mapModel, reachMap } from "./maps.js";
import type { EmbeddedObject, MapModel, Model, ProgramModel, TypesModel } from "./model.js";
import { baseName, fileName, objectName, pascal } from "./names.js";
import {
  checkName,
  checkRuntime,
  DEFAULT_RUNTIME,
  eventsOf,
  type GenerateOptions,
  recordedOptions,
  type TypesOptions,
} from "./options.js";
import { contextType, readPrograms } from "./programs.js";
import { reachSection, sectionModels } from "./sections.js";
import { reachStructOps, structOpsMap } from "./struct-ops.js";
import { Types } from "./types.js";

/** Reads an object and says all that its skeleton has to say. Malformed input is a {@link GenerateError}. */
export function buildModel(bytes: Uint8Array, options: GenerateOptions, version: string): Model {
  return refusing(() => build(bytes, options, version));
}

/** Reads the types of an object, or of a file of raw BTF. Malformed input is a {@link GenerateError}. */
export function buildTypes(bytes: Uint8Array, options: TypesOptions, version: string): TypesModel {
  return refusing(() => {
    const btf = parseBtf(isRawBtf(bytes) ? bytes : btfOf(readObject(bytes)));
    const types = new Types(btf, options.charArrays ?? "text");
    const wanted = options.types?.map((type) => typeNamed(btf, type, isRawBtf(bytes))) ?? namedTypes(btf);
    // All have names of their own.
    for (const type of wanted) types.reach(type, "");
    types.declare("");
    return {
      version,
      options: ["types", ...recordedOptions(options)],
      file: fileName(options.file),
      runtime: checkRuntime(options.runtime ?? DEFAULT_RUNTIME),
      types: types.declarations(),
      warnings: types.warnings,
    };
  });
}

function refusing<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof FormatError)
      throw new GenerateError(
        // Some say themselves what to do.
        / — /.test(error.message)
          ? error.message
          : `${error.message} — is it a BPF object, whole, as the compiler wrote it?`,
        "ERR_BPF_OBJECT",
        error,
      );
    throw error;
  }
}

/** Whether a file is BTF without an object around it, of either byte order. */
export function isRawBtf(bytes: Uint8Array): boolean {
  return (bytes[0] === 0x9f && bytes[1] === 0xeb) || (bytes[0] === 0xeb && bytes[1] === 0x9f);
}

function btfOf(elf: ElfFile): Uint8Array {
  const section = sectionNamed(elf, ".BTF");
  if (section) return section.data;
  throw new GenerateError("the object has no BTF, so its types are not known — compile with -g");
}

/** Every struct, union and enum that is defined under a name, each name once. */
function namedTypes(btf: Btf): number[] {
  const found = new Map<string, number>();
  for (const type of btf.types) {
    if (type.kind !== "struct" && type.kind !== "union" && type.kind !== "enum" && type.kind !== "enum64")
      continue;
    const name = `${type.kind === "enum64" ? "enum" : type.kind} ${type.name}`;
    if (type.name !== "" && !found.has(name)) found.set(name, type.id);
  }
  return [...found.values()];
}

function build(bytes: Uint8Array, options: GenerateOptions, version: string): Model {
  if (bytes.length === 0) throw new GenerateError("the file is empty — has the compiler failed?");
  const elf = readObject(bytes);
  const symbols = readSymbols(elf);
  if (sectionNamed(elf, "maps"))
    throw new GenerateError(
      'section "maps": holds map definitions of the form that libbpf 1.0 dropped — define maps in SEC(".maps") with __uint and __type',
    );
  const { programs, warnings } = readPrograms(elf, symbols);
  const name = checkName(options.name ?? objectName(options.file));
  const typeName = pascal(name);
  const typed = readTypes(elf, symbols, programs, options, typeName);
  if (programs.length + typed.maps.length + typed.sections.length === 0)
    throw new GenerateError(
      'the object has no program and no map — mark them with SEC("...") and SEC(".maps")',
    );
  return {
    version,
    options: recordedOptions(options),
    file: fileName(options.file),
    name,
    typeName,
    runtime: checkRuntime(options.runtime ?? DEFAULT_RUNTIME),
    object: embed(elf, options),
    types: typed.types,
    programs: typed.programs,
    maps: typed.maps,
    sections: typed.sections,
    fingerprint: typed.fingerprint,
    warnings: [...warnings, ...typed.warnings],
  };
}

type Typed = Pick<Model, "types" | "programs" | "maps" | "sections" | "fingerprint" | "warnings">;

/** All of the model that needs BTF; without it, maps are bytes and there are no globals. */
function readTypes(
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
  programs: readonly ProgramModel[],
  options: GenerateOptions,
  typeName: string,
): Typed {
  const btfSection = sectionNamed(elf, ".BTF");
  if (!btfSection) {
    const maps = untypedMaps(elf, symbols);
    const warnings = ["the object has no BTF, so maps are bytes and globals are left out — compile with -g"];
    if (maps.length > 0)
      warnings.push('libbpf will not open it: maps of SEC(".maps") need BTF — compile with -g');
    return { types: [], programs, maps, sections: [], fingerprint: { of: "", types: [] }, warnings };
  }
  const btf = parseBtf(btfSection.data);
  const definitions = readMaps(btf, elf, symbols, eventsOf(options));
  const sections = readSections(btf, elf, symbols);
  const structOps = structOpsVariables(btf, elf, symbols);
  const types = new Types(btf, options.charArrays ?? "text");
  for (const map of definitions) reachMap(types, map);
  for (const section of sections) reachSection(types, section);
  for (const variable of structOps) reachStructOps(types, variable);
  for (const type of options.types ?? []) types.reach(typeNamed(btf, type), type);
  const contexts = programs.map((program) => contextType(btf, program));
  for (const [index, context] of contexts.entries())
    if (context !== undefined) types.reach(context, `${programs[index]!.name}_context`);
  types.declare(typeName);
  const models = definitions.map((map) => mapModel(btf, types, map));
  const records = [
    ...new Set(definitions.flatMap(({ events }) => events.flatMap(({ type }) => qualified(btf, type)))),
  ];
  return {
    types: types.declarations(),
    programs: programs.map((program, index) => {
      const context = contexts[index] === undefined ? undefined : types.value(contexts[index]);
      return context?.kind === "named" ? { ...program, context } : program;
    }),
    maps: eachOnce([...models.map(({ map }) => map), ...structOps.map((each) => structOpsMap(types, each))]),
    sections: sectionModels(types, sections),
    fingerprint: { of: fingerprint(elf, btf, records), types: records },
    warnings: [...types.warnings, ...models.flatMap(({ warnings }) => warnings), ...unlinked(btf, symbols)],
  };
}

/** What is missing of an object that was not linked: libbpf refuses it. The kernel brings `.kconfig` and `.ksyms`. */
function unlinked(btf: Btf, symbols: readonly ElfSymbol[]): string[] {
  const brought = new Set<string>();
  for (const section of [".kconfig", ".ksyms"])
    for (const { type: id } of btf.named("datasec", section)?.vars ?? []) {
      const type = btf.type(id);
      if ("name" in type) brought.add(type.name);
    }
  const missing = symbols.filter(
    ({ name, section, type }) =>
      section === SHN_UNDEF && type === STT_NOTYPE && name !== "" && !brought.has(name),
  );
  if (missing.length === 0) return [];
  const names = missing.slice(0, 3).map(({ name }) => quote(name));
  return [
    `${names.join(", ")}${missing.length > 3 ? ", …" : ""}: defined in another object — link them with bpftool gen object`,
  ];
}

/** libbpf finds maps by their names, and so does a skeleton. */
function eachOnce(maps: readonly MapModel[]): readonly MapModel[] {
  const seen = new Set<string>();
  for (const { name } of maps) {
    if (name === "") throw new GenerateError("a map has no name — give its variable one");
    if (seen.has(name))
      throw new GenerateError(`map ${quote(name)}: is there twice — give each a name of its own`);
    seen.add(name);
  }
  return maps;
}

/** `struct event`: a type of records by the name that finds it again in another build of the object. */
function qualified(btf: Btf, id: number): string[] {
  const type = btf.strip(id);
  if (type.kind !== "struct" && type.kind !== "union" && type.kind !== "enum") return [];
  return type.name === "" ? [] : [`${type.kind} ${type.name}`];
}

function untypedMaps(elf: ElfFile, symbols: readonly ElfSymbol[]): MapModel[] {
  const section = sectionNamed(elf, ".maps")?.index;
  return symbols
    .filter((symbol) => symbol.section === section && symbol.type === STT_OBJECT)
    .sort((a, b) => a.value - b.value)
    .map(({ name }) => ({
      name,
      class: "RawMap",
      types: [],
      type: "map of unknown type",
      c: {},
      maxEntries: 0,
    }));
}

function embed(elf: ElfFile, options: GenerateOptions): EmbeddedObject {
  switch (options.embed ?? "inline") {
    case "inline":
      return { embed: "inline", bytes: stripDebug(elf) };
    case "url":
      return {
        embed: "url",
        file: `${baseName(options.file)}${/(\.bpf)?\.o$/.exec(options.file)?.[0] ?? ""}`,
      };
    case "none":
      return { embed: "none" };
  }
}
