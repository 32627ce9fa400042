// What of the runtime's classes is public, found by reflection and in the text of the sources.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import * as codegen from "../../runtime/codegen.js";
import * as runtime from "../../runtime/index.js";
import { LoadedSkeleton } from "../../runtime/skeleton/loaded.js";
import { OpenedSkeleton } from "../../runtime/skeleton/opened.js";

/** What is `protected`, or marked `@internal`: the compiler keeps users from these. As `Class.member`. */
const hidden = new Set<string>();
const folder = fileURLToPath(new URL("../../runtime", import.meta.url));
for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
  if (!file.endsWith(".ts") || /dist|node_modules/.test(file)) continue;
  for (const text of readFileSync(`${folder}/${file}`, "utf8").split(
    /^(?=(?:export )?(?:abstract )?class )/m,
  )) {
    const name = /^(?:export )?(?:abstract )?class (\w+)/.exec(text)?.[1];
    const modifiers = "(?:(?:abstract|override|readonly|static|get|async) )*";
    for (const [, member] of text.matchAll(new RegExp(`^ {2}protected ${modifiers}\\*?(\\w+)`, "gm")))
      hidden.add(`${name}.${member}`);
    for (const [, member] of text.matchAll(
      new RegExp(`@internal\\n {3}\\*/\\n {2}${modifiers}\\*?(\\w+)`, "g"),
    ))
      hidden.add(`${name}.${member}`);
  }
}

/** The class of a prototype; of a class its own name. */
function classOf(holder: object): string {
  if (typeof holder === "function") return holder.name;
  const made = Reflect.get(holder, "constructor");
  return typeof made === "function" ? made.name : "";
}

/** `Class.member`; `Class::member` of the class itself. */
export function memberOf(holder: object, key: PropertyKey): string {
  return `${classOf(holder)}${typeof holder === "function" ? "::" : "."}${String(key)}`;
}

/** Whether users may touch a member of a prototype, a class or an object; the fields of objects have their class' names. */
export function isPublic(holder: object, key: PropertyKey): boolean {
  if (key === "constructor") return false;
  for (let at: object | null = holder; at && at !== Object.prototype; at = Object.getPrototypeOf(at))
    if (hidden.has(`${classOf(at)}.${String(key)}`)) return false;
  return true;
}

const isClass = (value: unknown): value is new () => object =>
  typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value));

/** Every public method and accessor of every class that users get hold of, as {@link memberOf} calls them. */
export function publicMembers(): string[] {
  const found = new Set<string>();
  const exported = Object.values({ ...codegen, ...runtime, OpenedSkeleton, LoadedSkeleton }).filter(isClass);
  const classes = new Set<object>();
  for (let each of exported as object[])
    for (; typeof each === "function" && each !== Function.prototype; each = Object.getPrototypeOf(each))
      if (isClass(each)) classes.add(each);
  for (const each of classes as Set<new () => object>) {
    for (const key of Reflect.ownKeys(each.prototype))
      if (isPublic(each.prototype, key)) found.add(memberOf(each.prototype, key));
    for (const key of Reflect.ownKeys(each))
      if (!["length", "name", "prototype"].includes(String(key)) && isPublic(each, key))
        if (typeof Reflect.get(each, key) === "function") found.add(memberOf(each, key));
  }
  return [...found].sort();
}
