// The second oracle: a C compiler's `offsetof` and `sizeof` over the header that `bpftool btf dump … format c` writes.
import { spawnSync } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Oracle } from "./oracle.js";
import { bitFields, type Composite, composites, type RecordedSkeleton } from "./recorder.js";

/** A constant in C, and what the generated code says that it is. */
interface Question {
  readonly c: string;
  readonly ours: string;
}

/** What the compiler says otherwise, or why it says nothing. */
export type Answer =
  | { readonly asked: number; readonly wrong: readonly string[] }
  | { readonly failed: string };

/**
 * Compares with the compiler.
 * @param program where to put the C program, without extension.
 * @param named the structs and unions (`struct event`) that the object has exactly once.
 * @param header of `bpftool gen skeleton`, for the structs that it makes of data sections.
 */
export function askCompiler(
  object: string,
  oracle: Oracle,
  program: string,
  named: ReadonlySet<string>,
  skeleton: RecordedSkeleton,
  header: string | undefined,
): Answer {
  const dump = spawnSync("bpftool", ["btf", "dump", "file", object, "format", "c"], {
    encoding: "utf8",
    maxBuffer: 1 << 28,
  });
  const questions: Question[] = [];
  const bits: BitQuestion[] = [];
  for (const composite of composites.values())
    if (named.has(composite.name))
      askComposite(composite, composite, "", 0, named, oracle.littleEndian, questions, bits);
  const sections = sectionStructs(header ?? "");
  for (const [name, { fields }] of Object.entries(skeleton.globals)) {
    if (!sections.has(name)) continue;
    for (const [variable, [at]] of Object.entries(fields))
      questions.push({ c: `__builtin_offsetof(struct section__${name}, ${variable})`, ours: `${at}` });
  }
  const declarations = [forThisMachine(dump.stdout, oracle), ...sections.values()];
  const all = [...questions, ...bits];
  const answers = oracle.littleEndian
    ? runProgram(`${program}.layout`, declarations, questions, bits)
    : readData(`${program}.layout`, declarations, questions, bits);
  if (!Array.isArray(answers)) return { failed: answers };
  const wrong = all.flatMap(({ c, ours }, i) =>
    answers[i] === ours ? [] : [`${c}: the compiler says ${answers[i]}, we ${ours}`],
  );
  return { asked: all.length, wrong };
}

/** bpftool's header, said so that a compiler for this machine lays it out as one for BPF does. */
function forThisMachine(dump: string, oracle: Oracle): string {
  // It leaves out how many bytes an enum has, unless that is 4 or its values need 8.
  const modes: Readonly<Record<number, string>> = { 1: "QI", 2: "HI", 8: "DI" };
  const others = oracle.types.filter(({ kind, size }) => kind === "ENUM" && modes[size!]);
  const sized = others.reduce(
    (text, { name, size }) =>
      text.replace(
        new RegExp(`(enum ${name} \\{[^}]*\\});`),
        (_, body: string) => `${body} __attribute__((mode(${modes[size!]})));`,
      ),
    dump.replaceAll("long double", "double"),
  );
  if (!/\/gcc-\d+\//.test(oracle.object)) return sized;
  // For BPF, gcc aligns 128 bits as it does 64.
  const aligned = (type: string): string =>
    `typedef ${type} aligned_${type.replace(" ", "_")} __attribute__((aligned(8)));`;
  return `${aligned("__int128")}\n${aligned("unsigned __int128")}\n${sized
    .replaceAll(/__int128 unsigned/g, "aligned_unsigned___int128")
    .replaceAll(/(?<!_)__int128/g, "aligned___int128")}`;
}

type BitQuestion = Question & { readonly type: string };

/** The machine's own byte order: a program tells. */
function runProgram(
  base: string,
  header: readonly string[],
  questions: readonly Question[],
  bits: readonly BitQuestion[],
): string[] | string {
  const source = [
    ...header,
    "int printf(const char *, ...);",
    `static const unsigned long answers[] = { ${questions.map(({ c }) => c).join(",\n")} };`,
    'static void hex(const unsigned char *p, unsigned long n) { while (n--) printf("%02x", *p++); printf("\\n"); }',
    ...bits.map(
      ({ type, c }, i) =>
        `static void bits${i}(void) { static ${type} v; v.${c} = -1; hex((void *)&v, sizeof v); }`,
    ),
    "int main(void) {",
    '  for (unsigned long i = 0; i < sizeof answers / sizeof *answers; i++) printf("%lu\\n", answers[i]);',
    ...bits.map((_, i) => `  bits${i}();`),
    "  return 0;",
    "}",
  ].join("\n");
  writeFileSync(`${base}.c`, source);
  const compile = spawnSync("gcc", ["-w", "-O0", "-std=gnu11", `${base}.c`, "-o", base], {
    encoding: "utf8",
  });
  if (compile.status !== 0) return /error: (.*)/.exec(compile.stderr)?.[1] ?? compile.stderr;
  const { stdout } = spawnSync(base, { encoding: "utf8", maxBuffer: 1 << 28 });
  rmSync(base);
  return stdout.trim().split("\n");
}

/** The other byte order: a compiler writes the answers into an object, where they are read. */
function readData(
  base: string,
  header: readonly string[],
  questions: readonly Question[],
  bits: readonly BitQuestion[],
): string[] | string {
  const section = (name: string): string => `__attribute__((section("${name}"), used))`;
  const source = [
    ...header,
    `${section("answers")} const unsigned long long answers[] = { 0, ${questions.map(({ c }) => c).join(",\n")} };`,
    `${section("lengths")} const unsigned long long lengths[] = { 0, ${bits.map(({ type }) => `sizeof(${type})`).join(", ")} };`,
    // One behind the other, without padding.
    `struct all_bits { char none; ${bits.map(({ type }, i) => `${type} v${i};`).join(" ")} } __attribute__((packed));`,
    `${section("bits")} const struct all_bits all_bits = { ${bits.map(({ c }, i) => `.v${i}.${c} = -1`).join(", ")} };`,
  ].join("\n");
  writeFileSync(`${base}.c`, source);
  const compile = spawnSync("clang", ["-w", "-target", "bpfeb", "-c", `${base}.c`, "-o", `${base}.o`], {
    encoding: "utf8",
  });
  if (compile.status !== 0) return /error: (.*)/.exec(compile.stderr)?.[1] ?? compile.stderr;
  const [answers, lengths, all] = ["answers", "lengths", "bits"].map((section) => {
    const file = `${base}.${section}`;
    spawnSync("llvm-objcopy", [`--dump-section=${section}=${file}`, `${base}.o`, "/dev/null"]);
    const bytes = readFileSync(file);
    rmSync(file);
    return bytes;
  }) as [Buffer, Buffer, Buffer];
  rmSync(`${base}.o`);
  const number = (of: Buffer, i: number): number => Number(of.readBigUInt64BE(8 * (i + 1)));
  let at = 1;
  const hex = bits.map((_, i) => {
    const length = number(lengths, i);
    at += length;
    return all.toString("hex", at - length, at);
  });
  return [...questions.map((_, i) => `${number(answers, i)}`), ...hex];
}

function askComposite(
  composite: Composite,
  outer: Composite,
  path: string,
  base: number,
  named: ReadonlySet<string>,
  littleEndian: boolean,
  questions: Question[],
  bits: BitQuestion[],
): void {
  const type = outer.name;
  if (path === "") questions.push({ c: `sizeof(${type})`, ours: `${composite.size}` });
  const parts = [{ at: 0, fields: composite.fields }, ...(composite.unions ?? [])];
  for (const { at: start, fields } of parts)
    for (const [name, [at, codec]] of Object.entries(fields)) {
      const here = base + start + at;
      const field = bitFields.get(codec);
      if (field) {
        bits.push({
          type,
          c: `${path}${name}`,
          ours: ones(outer.size, 8 * here + field.bit, field.width, littleEndian),
        });
        continue;
      }
      questions.push({ c: `__builtin_offsetof(${type}, ${path}${name})`, ours: `${here}` });
      if (codec.size > 0)
        questions.push({ c: `sizeof(((${type} *)0)->${path}${name})`, ours: `${codec.size}` });
      const inner = composites.get(codec);
      // A struct without a name has only its place to be asked by.
      if (inner && !named.has(inner.name))
        askComposite(inner, outer, `${path}${name}.`, here, named, littleEndian, questions, bits);
    }
}

/** So many bytes in hexadecimal, of which only those bits are set. */
function ones(length: number, from: number, width: number, littleEndian: boolean): string {
  const bytes = Buffer.alloc(length);
  for (let i = from; i < from + width; i++) bytes[i >> 3]! |= littleEndian ? 1 << (i & 7) : 0x80 >> (i & 7);
  return bytes.toString("hex");
}

/** `struct NAME__bss { … } *bss;` of the header, each made a struct of its own; without those that have no variable. */
export function sectionStructs(header: string): Map<string, string> {
  const found = header.matchAll(
    /^\tstruct \w+?__\w+ \{\n([\s\S]*?)\t\} (?:__attribute__\(\(\w+\)\) )?\*(\w+);$/gm,
  );
  const withVariables = [...found].filter(([, body]) => body !== "");
  return new Map(
    withVariables.map(([, body, name]) => [name!, `struct section__${name} {\n${withoutStdint(body!)}};`]),
  );
}

/** Headers would clash with types of the object. */
function withoutStdint(c: string): string {
  return c.replace(/\b(u?int(8|16|32|64))_t\b/g, (_, name: string) => `__${name.toUpperCase()}_TYPE__`);
}

/** The symbols of an object: name to value, section and visibility, as llvm-readelf prints them. */
export function elfSymbols(object: string): Map<string, { value: number; visibility: string }> {
  const { stdout } = spawnSync("llvm-readelf", ["-sW", object], { encoding: "utf8", maxBuffer: 1 << 28 });
  const lines = stdout.matchAll(/^ *\d+: ([0-9a-f]+) +\d+ OBJECT +(?:GLOBAL|WEAK) +(\w+) +\d+ (\S+)$/gm);
  return new Map(
    [...lines].map(([, value, visibility, name]) => [
      name!,
      { value: Number.parseInt(value!, 16), visibility: visibility! },
    ]),
  );
}
