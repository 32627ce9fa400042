import { fileURLToPath } from "node:url";
import { isObject, moduleOf } from "./import.js";

/** What Node's loaders hand on. */
export interface Loaded {
  readonly format: string;
  readonly source: string;
  readonly shortCircuit: true;
}

/** The next loader in Node's chain. */
export type NextLoad<T> = (url: string, context: unknown) => T;

/** Loads an object as a module; anything else is left to Node. It serves both kinds of hooks, in thread and off it. */
export function load<T>(url: string, context: unknown, nextLoad: NextLoad<T>): Loaded | T {
  const plain = url.replace(/[?#].*$/s, "");
  if (!plain.startsWith("file:") || !isObject(plain)) return nextLoad(url, context);
  const file = fileURLToPath(plain);
  const { code, warnings } = moduleOf(file);
  for (const warning of warnings) process.emitWarning(`${file}: ${warning}`, "BpfTsgenWarning");
  return { format: "module", source: code, shortCircuit: true };
}
