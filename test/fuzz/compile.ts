import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { ts } from "ts-morph";
import { Memory } from "../../runtime/codec/memory.js";
import * as codegen from "../../runtime/codegen.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What the compiler says of generated texts, all of them in one program against the runtime's source. */
export function typeErrors(texts: readonly string[]): string[] {
  const options: ts.CompilerOptions = {
    strict: true,
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
    noUnusedLocals: true,
    noImplicitOverride: true,
    isolatedDeclarations: true,
    declaration: true,
    erasableSyntaxOnly: true,
    verbatimModuleSyntax: true,
    skipLibCheck: true,
    noEmit: true,
    target: ts.ScriptTarget.ES2022,
    lib: ["lib.es2023.d.ts", "lib.esnext.disposable.d.ts"],
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    types: ["node"],
    paths: { "bpf-tsgen-runtime/codegen": [`${root}runtime/codegen.ts`] },
  };
  const files = new Map(texts.map((text, i) => [`${root}generated-${i}.ts`, text]));
  const host = ts.createCompilerHost(options);
  const { readFile, fileExists, getSourceFile } = host;
  host.fileExists = (name) => files.has(name) || fileExists.call(host, name);
  host.readFile = (name) => files.get(name) ?? readFile.call(host, name);
  host.getCurrentDirectory = () => root;
  // ts-morph's compiler comes without its libraries; the same version's are at hand.
  host.getDefaultLibLocation = () => `${root}node_modules/typescript-6.0/lib`;
  host.getDefaultLibFileName = () => `${root}node_modules/typescript-6.0/lib/lib.es2023.d.ts`;
  host.getSourceFile = (name, target, ...rest) => {
    const text = files.get(name);
    if (text === undefined) return getSourceFile.call(host, name, target, ...rest);
    const file = ts.createSourceFile(name, text, target, true);
    (file as { impliedNodeFormat?: ts.ResolutionMode }).impliedNodeFormat = ts.ModuleKind.ESNext;
    return file;
  };
  const program = ts.createProgram([...files.keys()], options, host);
  const all = [...program.getGlobalDiagnostics(), ...program.getOptionsDiagnostics()];
  for (const name of files.keys()) {
    const file = program.getSourceFile(name);
    all.push(...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file));
    all.push(...program.getDeclarationDiagnostics(file));
  }
  return all.map(({ file, start = 0, messageText }) => {
    const line = file?.text.slice(0, start).split("\n").length ?? 0;
    const what = ts.flattenDiagnosticMessageText(messageText, " ").slice(0, 300);
    return `${file?.fileName.slice(root.length)}:${line}: ${what}: ${file?.text.split("\n")[line - 1]?.slice(0, 160)}`;
  });
}

/** Larger values are not decoded. */
const LARGE = 1 << 16;

interface AnyCodec {
  readonly size: number;
  decode(m: Memory, at: number): unknown;
  encode(m: Memory, at: number, value: unknown): void;
}

/**
 * Runs a generated text: its codecs are made, decode any bytes, and encode what they decode to be decoded again.
 * @param below gives the bytes.
 */
export function runtimeErrors(text: string, below: (limit: number) => number): string[] {
  const { outputText } = ts.transpileModule(text, {
    compilerOptions: { module: ts.ModuleKind.CommonJS, target: ts.ScriptTarget.ES2022 },
  });
  const exported: Record<string, unknown> = Object.create(null);
  try {
    new Function("require", "exports", outputText)(() => codegen, exported);
  } catch (error) {
    return [`cannot be loaded: ${(error as Error).stack?.split("\n").slice(0, 3).join(" ")}`];
  }
  return Object.entries(exported).flatMap(([name, value]) => {
    const codec = value as AnyCodec;
    if (typeof codec.decode !== "function" || codec.size > LARGE) return [];
    const bytes = Uint8Array.from({ length: codec.size }, () => below(4) && below(256));
    const again = (value: unknown): unknown => {
      const memory = Memory.alloc(codec.size, true);
      codec.encode(memory, 0, value);
      return codec.decode(memory, 0);
    };
    try {
      const value = codec.decode(new Memory(bytes, true), 0);
      return isDeepStrictEqual(again(value), value) ? [] : [`${name}: decodes to another value when encoded`];
    } catch (error) {
      return [`${name}: ${(error as Error).stack?.split("\n").slice(0, 3).join(" ")}`];
    }
  });
}
