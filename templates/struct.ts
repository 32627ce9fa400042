import { StructureKind } from "ts-morph";
import type { Member, TypeModel, UnionPart } from "../generator/model/model.js";
import { braces, type CodeBlockWriter, doc, key, print, str, write } from "./print.js";
import { rt } from "./runtime.js";
import { codec, encode, ownCodec, read, tsType } from "./value.js";

type StructModel = TypeModel & { kind: "struct" };
type UnionModel = TypeModel & { kind: "union" };

/** `name: [8, bpf.u32],` for each member. */
export function fields(
  writer: CodeBlockWriter,
  members: readonly Member[],
  codecOf: (member: Member) => string,
): void {
  braces(writer, members, (member) =>
    writer.writeLine(`${key(member.name)}: [${member.at}, ${codecOf(member)}],`),
  );
}

/** The doc comment of a member: its C type and where it lies. */
export function memberDoc({ c, at, type, flexible }: Member): string {
  if (type.kind === "bits") return `\`${doc(c)}\` at bit ${type.bit}.`;
  const how =
    type.kind === "text" ? ", up to the first NUL" : flexible ? ", as many as the record holds" : "";
  return `\`${doc(c)}\` at ${at}${how}.`;
}

/** `{ a: number; b: bigint }`, each member with its doc comment. */
function typeLiteral(writer: CodeBlockWriter, members: readonly Member[]): void {
  braces(writer, members, (member) =>
    writer.writeLine(`/** ${memberDoc(member)} */`).writeLine(`${key(member.name)}: ${tsType(member.type)};`),
  );
}

/** `extends bpf.Unions<[{ a: number; b: bigint }]>`, one element for each anonymous union. */
function extendsUnions(writer: CodeBlockWriter, unions: readonly UnionPart[]): void {
  writer.newLine().indent(() => {
    writer.writeLine(`extends ${rt("Unions")}<`).indent(() => {
      writer.writeLine("[").indent(() => {
        for (const { members } of unions) {
          typeLiteral(writer, members);
          writer.write(",").newLine();
        }
      });
      writer.writeLine("]");
    });
  });
  writer.write("  > ");
}

/**
 * A struct.
 *
 * given `struct event { __u32 pid; char comm[16]; }` — emits
 * ```ts
 * export interface Event { pid: number; comm: string }
 * export const Event: bpf.Codec<Event> = bpf.struct<Event>({ name, size, fields, decode, encode });
 * ```
 * @param unique makes a file-level name that nothing else has.
 */
export function renderStruct(model: StructModel, unique: (name: string) => string): string {
  const { name, c, size, members, unions } = model;
  const own = new Map(
    members.filter(({ type }) => ownCodec(type)).map((m) => [m.name, unique(`${name}_${m.name}`)]),
  );
  const codecOf = (member: Member): string => own.get(member.name) ?? codec(member.type);
  const declaration = renderInterface(model);
  const codecs = members
    .filter((member) => own.has(member.name))
    .map(
      (member) =>
        `const ${own.get(member.name)}: ${rt("Codec")}<${tsType(member.type)}> = ${codec(member.type)};\n`,
    )
    .join("");
  const usesSize = members.some(({ flexible }) => flexible);
  const value = write((writer) => {
    writer
      .write(`export const ${name}: ${rt("Codec")}<${name}> = ${rt("struct")}<${name}>(`)
      .inlineBlock(() => {
        writer
          .writeLine(`name: ${str(c)},`)
          .writeLine(`size: ${size},`)
          .write("fields: ");
        fields(writer, members, codecOf);
        writer.write(",").newLine();
        for (const { name, flexible } of members) if (flexible) writer.writeLine(`flexible: ${str(name)},`);
        if (unions.length > 0) renderUnionParts(writer, unions);
        writer.write(`decode: (${usesSize ? "m, at, size" : members.length > 0 ? "m, at" : ""}) => (`);
        braces(writer, members, (member) =>
          writer.writeLine(`${key(member.name)}: ${read(member, codecOf(member))},`),
        );
        writer.write("),").newLine();
        writer.write(`encode(${members.length > 0 ? "m, at, value" : ""}) `);
        braces(writer, members, (member) => writer.writeLine(`${encode(member, codecOf(member))};`));
        writer.write(",").newLine();
      });
    writer.write(");");
  });
  return `${declaration}\n${codecs}${value}\n`;
}

/** The interface of a struct's values. */
function renderInterface({ name, c, size, members, unions }: StructModel): string {
  const comment = `\`${doc(c)}\`, ${size} bytes.`;
  if (unions.length === 0 && members.length > 0)
    return print({
      kind: StructureKind.Interface,
      isExported: true,
      name,
      docs: [comment],
      properties: members.map((member) => ({
        name: key(member.name),
        type: tsType(member.type),
        docs: [memberDoc(member)],
      })),
    }).trimEnd();
  // ts-morph indents what goes on over several lines behind `extends` as no formatter does.
  return write((writer) => {
    writer.writeLine(`/** ${comment} */`).write(`export interface ${name}`);
    if (unions.length > 0) extendsUnions(writer, unions);
    else writer.write(" ");
    typeLiteral(writer, members);
  });
}

function renderUnionParts(writer: CodeBlockWriter, unions: readonly UnionPart[]): void {
  writer.writeLine("unions: [").indent(() => {
    for (const { at, size, members } of unions) {
      writer.inlineBlock(() => {
        writer.writeLine(`at: ${at},`).writeLine(`size: ${size},`).write("fields: ");
        fields(writer, members, (member) => codec(member.type));
        writer.write(",").newLine();
      });
      writer.write(",").newLine();
    }
  });
  writer.writeLine("],");
}

/**
 * A union.
 *
 * given `union addr { __u32 v4; __u8 v6[16]; }` — emits
 * ```ts
 * export type Addr = bpf.Union<{ v4: number; v6: Uint8Array }>;
 * export const Addr: bpf.Codec<Addr> = bpf.union<Addr>({ name, size, fields });
 * ```
 */
export function renderUnion({ name, c, size, members }: UnionModel): string {
  return write((writer) => {
    writer.writeLine(`/** \`${doc(c)}\`, ${size} bytes. */`);
    writer.write(`export type ${name} = ${rt("Union")}<`);
    typeLiteral(writer, members);
    writer.write(">;").newLine();
    writer
      .write(`export const ${name}: ${rt("Codec")}<${name}> = ${rt("union")}<${name}>(`)
      .inlineBlock(() => {
        writer
          .writeLine(`name: ${str(c)},`)
          .writeLine(`size: ${size},`)
          .write("fields: ");
        fields(writer, members, (member) => codec(member.type));
        writer.write(",").newLine();
      });
    writer.write(");").newLine();
  });
}
