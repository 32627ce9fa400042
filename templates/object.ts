import type {
  MapModel,
  Member,
  Model,
  ProgramModel,
  SectionModel,
  Shadow,
} from "../generator/model/model.js";
import { mapType, programClass, programType } from "./classes.js";
import { braces, type CodeBlockWriter, doc, key, str, write } from "./print.js";
import { rt } from "./runtime.js";
import { fields, memberDoc } from "./struct.js";
import { codec, isPlain, tsType } from "./value.js";

/** `bpf.program(bpf.Xdp, false, XdpMd)` */
function programValue(program: ProgramModel): string {
  const context = program.context ? `, ${codec(program.context)}` : "";
  return `${rt("program")}(${programClass(program)}, ${program.auto}${context})`;
}

/** `bpf.map(bpf.HashMap<number, Event>, bpf.u32, Event)` */
function mapValue(map: MapModel): string {
  if (map.shadow) return shadowValue(map.shadow);
  const parts = [mapType(map), ...map.types.map(codec), ...(map.inner ? [mapValue(map.inner)] : [])];
  return `${rt("map")}(${parts.join(", ")})`;
}

/**
 * What can be set of a struct_ops map.
 *
 * emits
 * ```ts
 * bpf.StructOps<{ ssthresh: bpf.StructOpsFunction; flags: number }>
 * ```
 */
function shadowType(writer: CodeBlockWriter, { members, functions }: Shadow): void {
  const inOrder = [
    ...functions.map(({ name, c, at }) => ({
      at,
      write: () => {
        writer.writeLine(`/** \`${doc(c)}\` at ${at}: a program of the object, or null. */`);
        writer.writeLine(`${key(name)}: ${rt("StructOpsFunction")};`);
      },
    })),
    ...members.map((member) => ({ at: member.at, write: () => variable(writer, member) })),
  ].sort((a, b) => a.at - b.at);
  writer.write(`${rt("StructOps")}<`);
  braces(writer, inOrder, ({ write }) => write());
  writer.write(">");
}

/** `bpf.structOps({ size: 48, fields: { flags: [44, bpf.u32] }, functions: { ssthresh: 0 } })` */
function shadowValue({ size, members, functions }: Shadow): string {
  return write((writer) => {
    writer.write(`${rt("structOps")}(`).inlineBlock(() => {
      writer.writeLine(`size: ${size},`).write("fields: ");
      fields(writer, members, (member) => codec(member.type));
      writer.write(",").newLine().write("functions: ");
      braces(writer, functions, ({ name, at }) => writer.writeLine(`${key(name)}: ${at},`));
      writer.write(",").newLine();
    });
    writer.write(")");
  });
}

/** `BPF_MAP_TYPE_HASH`, `__u32` to `struct event`, 8192 entries. */
function mapDoc({ class: kind, type, c, maxEntries }: MapModel): string {
  const unit = /RingBuf$/.test(kind)
    ? "bytes"
    : kind === "ArenaMap"
      ? "pages"
      : maxEntries === 1
        ? "entry"
        : "entries";
  const entries = maxEntries === 0 ? "" : `, ${maxEntries} ${unit}`;
  const { key: k, value } = c;
  const what =
    value === undefined
      ? k === undefined
        ? ""
        : `, by \`${doc(k)}\``
      : k === undefined
        ? ` of \`${doc(value)}\``
        : `, \`${doc(k)}\` to \`${doc(value)}\``;
  return `\`${doc(type)}\`${what}${entries}.`;
}

/** A variable: a plain property, or a live view with a setter that takes a whole value. */
function variable(writer: CodeBlockWriter, member: Member): void {
  writer.writeLine(`/** ${memberDoc(member)} */`);
  const type = tsType(member.type);
  if (isPlain(member.type)) writer.writeLine(`${key(member.name)}: ${type};`);
  else {
    writer.writeLine(`get ${key(member.name)}(): ${rt("View")}<${type}>;`);
    writer.writeLine(`set ${key(member.name)}(value: ${rt("Input")}<${type}>);`);
  }
}

/**
 * The skeleton's own interface: what is in the object, by C name.
 *
 * emits
 * ```ts
 * export interface Watch { programs: {...}; maps: {...}; globals: {...} }
 * ```
 */
export function renderShape({ typeName, file, programs, maps, sections }: Model): string {
  return write((writer) => {
    writer.writeLine(`/** The programs, maps and globals of \`${doc(file)}\`. */`);
    writer.write(`export interface ${typeName} `).inlineBlock(() => {
      writer.write("programs: ");
      braces(writer, programs, (program) => {
        writer.writeLine(`/** \`SEC("${doc(program.section)}")\` */`);
        writer.writeLine(`${key(program.name)}: ${programType(program)};`);
      })
        .write(";")
        .newLine();
      writer.write("maps: ");
      braces(writer, maps, (map) => {
        writer.writeLine(`/** ${mapDoc(map)} */`);
        writer.write(`${key(map.name)}: `);
        if (map.shadow) shadowType(writer, map.shadow);
        else writer.write(mapType(map));
        writer.write(";").newLine();
      })
        .write(";")
        .newLine();
      writer.write("globals: ");
      braces(writer, sections, (section) => {
        writer.writeLine(`/** \`${doc(section.section)}\`, ${section.size} bytes. */`);
        writer.write(`${section.name}: `);
        braces(writer, section.variables, (member) => variable(writer, member));
        writer.write(";").newLine();
      })
        .write(";")
        .newLine();
    });
    writer.newLine();
  });
}

/**
 * The skeleton itself.
 *
 * emits
 * ```ts
 * export const Watch: bpf.Skeleton<Watch> = bpf.skeleton<Watch>({ abi, name, object, programs, maps, globals });
 * ```
 */
export function renderValue(model: Model): string {
  const { typeName, name, object, programs, maps, sections, fingerprint } = model;
  const type = object.embed === "none" ? `${typeName}, ${rt("SkeletonOptionsWithObject")}` : typeName;
  return write((writer) => {
    writer
      .write(`export const ${typeName}: ${rt("Skeleton")}<${type}> = ${rt("skeleton")}<${type}>(`)
      .inlineBlock(() => {
        writer.writeLine("abi: 1,").writeLine(`name: ${str(name)},`);
        writer.writeLine(
          `layout: { fingerprint: ${str(fingerprint.of)}, types: [${fingerprint.types.map(str).join(", ")}] },`,
        );
        writer.write("programs: ");
        braces(writer, programs, (program) =>
          writer.writeLine(`${key(program.name)}: ${programValue(program)},`),
        );
        writer.write(",").newLine().write("maps: ");
        braces(writer, maps, (map) => writer.writeLine(`${key(map.name)}: ${mapValue(map)},`));
        writer.write(",").newLine().write("globals: ");
        braces(writer, sections, (section) => sectionValue(writer, section));
        writer.write(",").newLine();
        objectValue(writer, model);
      });
    writer.write(");").newLine();
  });
}

function sectionValue(writer: CodeBlockWriter, { name, section, size, variables }: SectionModel): void {
  writer.write(`${name}: ${rt("section")}(${str(section)}, ${size}, `);
  fields(writer, variables, (member) => codec(member.type));
  writer.write("),").newLine();
}

function objectValue(writer: CodeBlockWriter, { object }: Model): void {
  writer.write("object: ");
  switch (object.embed) {
    case "inline":
      writer
        .write(`${rt("inline")}(`)
        .newLine()
        .indent(() => writer.writeLine(`"${base64(object.bytes)}",`))
        .write(")");
      break;
    case "url":
      writer.write(`${rt("file")}(new URL(${str(`./${object.file}`)}, import.meta.url))`);
      break;
    case "none":
      writer.write(`${rt("none")}()`);
  }
  writer.write(",").newLine();
}

/** Base64 without Node's Buffer, which not every system that generates has. */
function base64(bytes: Uint8Array): string {
  let binary = "";
  for (let i = 0; i < bytes.length; i += 0x8000)
    binary += String.fromCharCode(...bytes.subarray(i, i + 0x8000));
  return btoa(binary);
}
