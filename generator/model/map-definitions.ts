import {
  type Btf,
  type BtfOfKind,
  type ElfFile,
  type ElfSymbol,
  FormatError,
  quote,
  sectionNamed,
} from "../../runtime/btf/index.js";
import { GenerateError } from "../errors.js";
import { typeName } from "./c-type.js";
import { type EventDefinition, type MapDefinition, readMap, recordTypes } from "./map-grammar.js";

/**
 * The maps of `.maps`, in the order of the section.
 * @param events what `--event` says of maps: map name to types, each `TYPE` or `TYPE@FIELD=VALUE`.
 */
export function readMaps(
  btf: Btf,
  elf: ElfFile,
  symbols: readonly ElfSymbol[],
  events: ReadonlyMap<string, readonly string[]>,
): MapDefinition[] {
  const section = btf.named("datasec", ".maps");
  const index = sectionNamed(elf, ".maps")?.index;
  const variables = section && index !== undefined ? sectionVariables(btf, section, symbols, index) : [];
  const tags = eventTags(btf);
  const maps = variables.map((variable) => {
    if (variable.linkage === "static")
      throw new GenerateError(
        `map ${quote(variable.name)}: is static, so libbpf refuses it — leave out the word`,
      );
    const map = readMap(btf, `map ${quote(variable.name)}`, variable.name, variable.to);
    const said = events.get(variable.name) ?? tags.get(variable.id);
    if (said === undefined) return map;
    if (!recordTypes.has(map.type))
      throw new GenerateError(
        `map ${quote(map.name)}: has no events — it is a ${map.type}`,
        "ERR_BPF_OPTION",
      );
    return { ...map, events: said.map((event) => readEvent(btf, event)) };
  });
  for (const name of events.keys())
    if (!maps.some((map) => map.name === name))
      throw new GenerateError(
        `--event ${name}: the object has no such map — it has: ${maps.map((map) => map.name).join(", ") || "none"}`,
        "ERR_BPF_OPTION",
      );
  return maps;
}

function sectionVariables(
  btf: Btf,
  section: BtfOfKind<"datasec">,
  symbols: readonly ElfSymbol[],
  index: number,
): BtfOfKind<"var">[] {
  const offsets = new Map(
    symbols.filter((symbol) => symbol.section === index).map(({ name, value }) => [name, value]),
  );
  const variables = section.vars.map(({ type }) => {
    const variable = btf.type(type);
    if (variable.kind !== "var") throw new FormatError(".BTF", `.maps: type ${type} is not a variable`);
    return { variable, at: offsets.get(variable.name) ?? 0 };
  });
  return variables.sort((a, b) => a.at - b.at).map(({ variable }) => variable);
}

/** `TYPE`, or `TYPE@FIELD=VALUE`. */
function readEvent(btf: Btf, text: string): EventDefinition {
  const [, name, field, value] = /^([^@]*)(?:@([^=]+)=(.*))?$/s.exec(text) ?? [];
  const type = typeNamed(btf, name ?? "");
  if (field === undefined) return { name: typeName(btf, type), type };
  if (!/^-?(0x[\da-f]+|\d+)$/i.test(value!))
    throw new GenerateError(
      `--event ${quote(text)}: ${quote(value!)} is not a number — use TYPE@FIELD=NUMBER`,
      "ERR_BPF_OPTION",
    );
  const number = value!.startsWith("-") ? -BigInt(value!.slice(1)) : BigInt(value!);
  return { name: typeName(btf, type), type, when: { field, value: number } };
}

/** `__attribute__((btf_decl_tag("event:TYPE")))` on a map, once or more: the map's id to TYPEs. */
function eventTags(btf: Btf): Map<number, string[]> {
  const tags = new Map<number, string[]>();
  for (const type of btf.types) {
    if (type.kind !== "decl_tag" || type.component !== -1 || !type.name.startsWith("event:")) continue;
    const tagged = tags.get(type.to) ?? [];
    tags.set(type.to, tagged);
    tagged.push(type.name.slice("event:".length));
  }
  return tags;
}

/**
 * The id of a type by its C name, `struct event` or just `event`.
 * @param isRaw whether there is no C source to put the type into.
 */
export function typeNamed(btf: Btf, name: string, isRaw = false): number {
  const [, keyword, bare] = /^(?:(struct|union|enum)\s+)?(.*)$/s.exec(name.trim()) as unknown as [
    string,
    string?,
    string?,
  ];
  const kinds =
    keyword === "enum"
      ? (["enum", "enum64"] as const)
      : keyword === "struct" || keyword === "union"
        ? ([keyword] as const)
        : (["struct", "union", "enum", "enum64", "typedef", "int", "float"] as const);
  for (const kind of kinds) {
    const found = bare ? btf.named(kind, bare) : undefined;
    if (found) return found.id;
  }
  if (isRaw)
    throw new GenerateError(
      `type ${quote(name)}: there is no such type — see bpftool btf dump`,
      "ERR_BPF_OPTION",
    );
  throw new GenerateError(
    `type ${quote(name)}: the object's BTF has no such type — ` +
      `put \`${keyword ?? "struct"} ${bare} *unused __attribute__((unused));\` into the C source to keep it`,
    "ERR_BPF_OPTION",
  );
}
