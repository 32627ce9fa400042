import type { Source, Subject } from "./corpus.js";
export function compilersReport(_sources: readonly Source[], _subjects: readonly Subject[]): string {
  return "";
}
