import { comment } from "../../templates/escape.js";
import type { MemberSurface } from "../../templates/surface.js";
import type { Hole, InspectedType, Inspection } from "../inspect.js";
import { type Style, table } from "./style.js";

/** What is in an object, for people: programs, maps, globals and types, layouts as pahole shows them. */
export function reportInspection({ programs, maps, globals, types }: Inspection, style: Style): string {
  const part = (title: string, blocks: readonly string[]): string =>
    blocks.length === 0 ? "" : `${style.paint("bold", title)}\n${blocks.join("")}\n`;
  const programRows = programs.map(({ name, section, class: of, auto }) => [
    name,
    `SEC("${section}")`,
    `${of}${auto ? "" : ", attached by hand"}`,
  ]);
  const mapRows = maps.map(({ name, type, class: of, key, value, maxEntries }) => [
    name,
    type.replace(/^BPF_MAP_TYPE_/, ""),
    [key, value].filter((c) => c !== undefined).join(" → "),
    maxEntries === 0 ? "" : `${maxEntries}`,
    of,
  ]);
  const text = [
    part("Programs", rows(programRows, style)),
    part(
      "Maps",
      rows(mapRows, style).map((row, index) => row + layout(maps[index]!.members ?? [], [], style)),
    ),
    part(
      "Globals",
      globals.map(
        ({ name, section, size, variables }) =>
          heading(`${section}, as ${name}, ${bytes(size)}`, style) + layout(variables, [], style),
      ),
    ),
    part(
      "Types",
      types.map((type) => typeText(type, style)),
    ),
  ].join("");
  return text.replace(/\n\n$/, "\n");
}

function rows(cells: readonly (readonly string[])[], style: Style): string[] {
  return table(cells.map((row) => row.map(comment))).map(
    ([name, ...rest]) => `  ${style.paint("green", name!)}  ${rest.join("  ").trimEnd()}\n`,
  );
}

function heading(text: string, style: Style): string {
  return `  ${style.paint("yellow", comment(text))}\n`;
}

function typeText(type: InspectedType, style: Style): string {
  const title = `${type.c}, as ${type.name}, ${bytes(type.size)}`;
  if (type.kind === "enum")
    return (
      heading(title, style) +
      table(type.values.map(({ name, value }) => [comment(name), value]))
        .map(([name, value]) => `    ${name} = ${value}\n`)
        .join("")
    );
  const padding = type.holes.reduce((sum, hole) => sum + hole.bits, 0);
  const note = padding === 0 ? "" : `, ${inBytes(padding)} of padding`;
  return heading(`${title}${note}`, style) + layout(type.members, type.holes, style);
}

/** Offset, size, type and name of each member, with the holes where they are. */
function layout(members: readonly MemberSurface[], holes: readonly Hole[], style: Style): string {
  const lines = [
    ...members.map(({ at, size, bits, c, name, type }) => ({
      bit: bits?.at ?? 8 * at,
      cells: [bits ? bitPlace(bits.at) : `${at}`, bits ? `:${bits.width}` : `${size}`, c, name, type],
      isHole: false,
    })),
    ...holes.map(({ bit, bits }) => ({
      bit,
      cells: [
        bit % 8 === 0 ? `${bit / 8}` : bitPlace(bit),
        bits % 8 === 0 ? `${bits / 8}` : `:${bits}`,
        "",
        "(padding)",
        "",
      ],
      isHole: true,
    })),
  ].sort((a, b) => a.bit - b.bit);
  const width = (column: number): number =>
    lines.reduce((most, { cells }) => Math.max(most, cells[column]!.length), 0);
  const [places, sizes] = [width(0), width(1)];
  const aligned = table(
    lines.map(({ cells: [at, size, ...rest] }) => [
      at!.padStart(places),
      size!.padStart(sizes),
      ...rest.map(comment),
    ]),
  );
  return aligned
    .map((cells) => `    ${cells.join("  ").trimEnd()}`)
    .map((line, index) => `${lines[index]!.isHole ? style.paint("dim", line) : line}\n`)
    .join("");
}

/** `4.3`: bit 3 of byte 4. */
function bitPlace(bit: number): string {
  return `${Math.floor(bit / 8)}.${bit % 8}`;
}

function bytes(count: number): string {
  return count === 1 ? "1 byte" : `${count} bytes`;
}

function inBytes(bits: number): string {
  return bits % 8 === 0 ? bytes(bits / 8) : `${bits} bits`;
}
