import type { MapModel, ProgramModel } from "../generator/model/model.js";
import { rt } from "./runtime.js";
import { tsType } from "./value.js";

/** The class of a program: `bpf.Tracepoint`, `bpf.Tracepoint<"arguments">`. */
export function programClass(program: ProgramModel): string {
  return rt(program.class) + (program.target === "arguments" ? '<"arguments">' : "");
}

/** A program: its class and, where `testRun()` takes a struct of the object's, that: `bpf.WithContext<XdpMd> & bpf.Xdp`. */
export function programType(program: ProgramModel): string {
  const { context } = program;
  return (context ? `${rt("WithContext")}<${tsType(context)}> & ` : "") + programClass(program);
}

/** The class of a map: `bpf.HashMap<number, Event>`. */
export function mapType(map: MapModel): string {
  const parameters = [...map.types.map(tsType), ...(map.inner ? [mapType(map.inner)] : [])];
  return rt(map.class) + (parameters.length > 0 ? `<${parameters.join(", ")}>` : "");
}
