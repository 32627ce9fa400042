import type { MapModel, ProgramModel } from "../generator/model/model.js";
import { rt } from "./runtime.js";
import { tsType } from "./value.js";

/** The class of a program: `bpf.Tracepoint`, `bpf.Tracepoint<"arguments">`. */
export function programType(program: ProgramModel): string {
  return rt(program.class) + (program.target === "arguments" ? '<"arguments">' : "");
}

/** The class of a map: `bpf.HashMap<number, Event>`. */
export function mapType(map: MapModel): string {
  const parameters = [...map.types.map(tsType), ...(map.inner ? [mapType(map.inner)] : [])];
  return rt(map.class) + (parameters.length > 0 ? `<${parameters.join(", ")}>` : "");
}
