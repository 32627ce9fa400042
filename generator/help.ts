import { version } from "./version.js";

/** What there is to do besides generating. */
export type Subcommand = "inspect" | "diff" | "types" | "init";

/** What `--help` prints; of a subcommand, what `bpf-tsgen SUBCOMMAND --help` does. Lines fit 80 columns. */
export function helpOf(subcommand?: Subcommand): string {
  return subcommand === undefined ? help : subcommands[subcommand];
}

const exitStatus = `Exit status: 0 done, 1 --check or diff found a difference, 2 bad usage, 3 input
that cannot be read or is not accepted.
`;

/** The help of the whole command. */
export const help: string = `Generates a typed TypeScript skeleton from a compiled BPF object.

  bpf-tsgen [options] OBJECT                     skeleton on stdout
  bpf-tsgen [options] -o FILE OBJECT             to FILE, untouched if unchanged
  bpf-tsgen [options] --out-dir DIR OBJECT...    to DIR/BASE.skel.ts each
  bpf-tsgen --check ...                          writes nothing: up to date?
  bpf-tsgen --watch ...                          again when an object changes
  bpf-tsgen inspect [--json] OBJECT              what is in an object
  bpf-tsgen diff [--json] OLD NEW                what changed for applications
  bpf-tsgen types [options] FILE                 types and codecs only
  bpf-tsgen init DIR                             a small project to start from

Options:
  -o, --output FILE         write to FILE; FILE.d.ts gets declarations only,
                            FILE.js JavaScript
  --out-dir DIR             write to DIR, made when it is missing
  --check[=layout]          with -o or --out-dir: report what a missing or stale
                            skeleton means for applications; =layout lets pass
                            what changed in the code of BPF programs alone
  --watch                   with -o or --out-dir: generate whenever an object
                            has changed, until Ctrl-C
  --json                    with --check, inspect, diff: the report as JSON
  --name NAME               the object's name, which the skeleton's follows;
                            the file's when left out
  --embed inline|url|none   put the object into the skeleton (the default), look
                            for it beside the skeleton when it is opened (copy
                            it there when you build), or have it given to open()
  --runtime SPECIFIER       where the skeleton imports the runtime from; default
                            bpf-tsgen-runtime/codegen
  --event MAP=TYPE          the C type of the records of a ring or perf buffer;
                            repeatable: a record's size tells several of a map
                            apart; for equal sizes, MAP=TYPE@FIELD=VALUE
  --type NAME               declare this C type too; repeatable
  --char-arrays text|bytes  char arrays as strings (the default) or Uint8Array
  -h, --help                this text; of a subcommand, what it takes
  --version                 ${version}

${exitStatus}`;

const subcommands: Readonly<Record<Subcommand, string>> = {
  inspect: `Tells what is in a BPF object: programs, maps, global variables, and types with
their layouts: offset, size, C type, name, TypeScript type, padding.

  bpf-tsgen inspect [options] OBJECT
  bpf-tsgen inspect --type NAME /sys/kernel/btf/vmlinux

Options:
  --json                    as JSON, described in bpf-tsgen/schema.json
  --type NAME               this C type too; repeatable. Of raw BTF: only these
                            and what they contain
  --event MAP=TYPE          as for a skeleton
  --name NAME               as for a skeleton
  --char-arrays text|bytes  as for a skeleton

${exitStatus}`,
  diff: `Tells what has changed for application code from one object to another, and
whether code that was right may no longer compile or mean something else. The
code of the BPF programs does not count.

  bpf-tsgen diff [options] OLD NEW

Options:
  --json                    as JSON, described in bpf-tsgen/schema.json
  --type NAME, --event MAP=TYPE, --name NAME, --char-arrays text|bytes
                            as for a skeleton

${exitStatus}`,
  types: `Generates types and codecs only, for memory that no skeleton describes.

  bpf-tsgen types [options] [-o FILE] FILE
  bpf-tsgen types --type task_struct /sys/kernel/btf/vmlinux > kernel.ts

FILE is a BPF object, or raw BTF. Options:
  -o, --output FILE         write to FILE instead of stdout; FILE.js gets
                            JavaScript
  --type NAME               only this C type and what it contains; repeatable
  --runtime SPECIFIER       where codecs are imported from
  --char-arrays text|bytes  char arrays as strings (the default) or Uint8Array
  --check, --watch, --json  as for skeletons, with -o

${exitStatus}`,
  init: `Writes a small complete project to start from: a BPF program in C, a Makefile,
an application in TypeScript and a test.

  bpf-tsgen init DIR

DIR is made when it is missing. Files that are there already are never written
over: then nothing is written at all.

${exitStatus}`,
};
