import { readFileSync } from "node:fs";
import { BpfError } from "../errors.js";
import { traceableFunctions } from "../kernel/btf.js";

const TRACEFS = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"];

/** Whether a name matches a pattern of libbpf's, in which `*` stands for any text and `?` for one character. */
export function matches(name: string, pattern: string): boolean {
  let at = 0;
  let want = 0;
  let star = -1;
  let from = 0;
  while (at < name.length) {
    if (pattern[want] === "*") {
      star = want++;
      from = at;
    } else if (want < pattern.length && (pattern[want] === "?" || pattern[want] === name[at])) {
      at++;
      want++;
    } else if (star !== -1) {
      want = star + 1;
      at = ++from;
    } else return false;
  }
  while (pattern[want] === "*") want++;
  return want === pattern.length;
}

/**
 * The addresses of the kernel's functions whose names match and that can be traced: by the list that tracefs has of
 * both (kernel 6.5), or by its list of names and the kernel's symbols.
 */
export function addressesMatching(where: string, pattern: string): bigint[] {
  const withAddresses = readFirst(TRACEFS.map((folder) => `${folder}/available_filter_functions_addrs`));
  const found = new Set<bigint>();
  const add = (text: string, form: RegExp, wanted: (name: string) => boolean): void => {
    for (const line of text.split("\n")) {
      const [, address, name] = form.exec(line) ?? [];
      if (address && matches(name!, pattern) && wanted(name!)) found.add(BigInt(`0x${address}`));
    }
  };
  if (withAddresses !== undefined) add(withAddresses, /^([\da-f]+) (\S+)/, () => true);
  else {
    const traceable = traceableNames();
    const symbols = readFirst(["/proc/kallsyms"]) ?? "";
    add(symbols, /^([\da-f]+) [tTwW] (\S+)/, (name) => !traceable || traceable.has(name));
  }
  if (found.size === 0) throw noSuchFunction(where, pattern);
  if (found.size === 1 && found.has(0n))
    throw new BpfError(`${where}: the kernel hides its addresses — set kernel.kptr_restrict to 0`, {
      code: "EPERM",
      errno: 1,
    });
  return [...found];
}

/** The ids, in the kernel's BTF, of its functions whose names match and that can be traced. */
export function idsMatching(where: string, pattern: string): bigint[] {
  const traceable = traceableNames();
  const found = traceableFunctions(
    where,
    (name) => matches(name, pattern) && (!traceable || traceable.has(name)),
  );
  if (found.length === 0) throw noSuchFunction(where, pattern);
  return found.map(BigInt);
}

/** The functions that tracefs says can be traced; undefined where it is not mounted. */
function traceableNames(): ReadonlySet<string | undefined> | undefined {
  const names = readFirst(TRACEFS.map((folder) => `${folder}/available_filter_functions`));
  return names === undefined ? undefined : new Set(names.split("\n").map((line) => line.split(" ")[0]));
}

function noSuchFunction(where: string, pattern: string): BpfError {
  const text = `${where}: no function of this kernel matches "${pattern}" — see /proc/kallsyms`;
  return new BpfError(text, { code: "ENOENT", errno: 2 });
}

/** The first of the files that can be read. */
function readFirst(paths: readonly string[]): string | undefined {
  for (const path of paths) {
    try {
      return readFileSync(path, "latin1");
    } catch {
      // The next one.
    }
  }
  return undefined;
}
