import { quote } from "../../runtime/btf/index.js";
import { GenerateError } from "../errors.js";

/** What can be told of a file of types. */
export interface TypesOptions {
  /** The name of the object's, or the BTF's, file. */
  readonly file: string;
  /** C names of the types to declare, with all that they contain; all types with a name when left out. */
  readonly types?: readonly string[] | undefined;
  /** Where generated code imports the runtime from. Default `"bpf-tsgen-runtime/codegen"`. */
  readonly runtime?: string | undefined;
  /** Whether `char` arrays are text or bytes. Default `"text"`. */
  readonly charArrays?: "text" | "bytes" | undefined;
}

/** What the generator can be told. */
export interface GenerateOptions {
  /** The object's file name; folders in it do not count. It gives the skeleton its name. */
  readonly file: string;
  /** The object's name instead of the one that `file` gives. */
  readonly name?: string | undefined;
  /** Whether the object goes into the skeleton, is found beside it, or is given to `open`. Default `"inline"`. */
  readonly embed?: "inline" | "url" | "none" | undefined;
  /** Where generated code imports the runtime from. Default `"bpf-tsgen-runtime/codegen"`. */
  readonly runtime?: string | undefined;
  /** The types of the records of ring and perf buffers: map name to `TYPE` or `TYPE@FIELD=VALUE`, one or several. */
  readonly events?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** C names of further types to declare. */
  readonly types?: readonly string[] | undefined;
  /** Whether `char` arrays are text or bytes. Default `"text"`. */
  readonly charArrays?: "text" | "bytes" | undefined;
}

/** Where generated code imports the runtime from, unless told otherwise. */
export const DEFAULT_RUNTIME = "bpf-tsgen-runtime/codegen";

/** What `--event` says, each map with a list of types. */
export function eventsOf({ events = {} }: GenerateOptions): Map<string, readonly string[]> {
  return new Map(
    Object.entries(events).map(([map, types]) => [map, typeof types === "string" ? [types] : types]),
  );
}

/** The object's name, if it is one in C. */
export function checkName(name: string): string {
  if (/^[A-Za-z0-9_]+$/.test(name)) return name;
  throw new GenerateError(
    `--name ${quote(name)}: is not a C name — use letters, digits and _`,
    "ERR_BPF_OPTION",
  );
}

/** The runtime's specifier, if it can stand in an import. */
export function checkRuntime(specifier: string): string {
  if (specifier !== "" && !/["'\\\p{Cc}\p{Cf}\u2028\u2029]/u.test(specifier)) return specifier;
  throw new GenerateError(
    `--runtime ${quote(specifier)}: is not a module's name — use the like of ${DEFAULT_RUNTIME} or ./runtime.js`,
    "ERR_BPF_OPTION",
  );
}

/** The options that change the text, as they are given on the command line. */
export function recordedOptions(options: GenerateOptions): string[] {
  return [
    ...(options.name === undefined ? [] : ["--name", options.name]),
    ...((options.embed ?? "inline") === "inline" ? [] : ["--embed", options.embed!]),
    ...((options.runtime ?? DEFAULT_RUNTIME) === DEFAULT_RUNTIME ? [] : ["--runtime", options.runtime!]),
    ...[...eventsOf(options)].flatMap(([map, types]) =>
      types.flatMap((type) => ["--event", `${map}=${type}`]),
    ),
    ...(options.types ?? []).flatMap((type) => ["--type", type]),
    ...((options.charArrays ?? "text") === "text" ? [] : ["--char-arrays", "bytes"]),
  ];
}
