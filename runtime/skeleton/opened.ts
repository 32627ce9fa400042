import { closedError, stateError } from "../errors.js";
import type { NativeObject } from "../object/native-object.js";
import { initialSection, type OpenSection, type SectionSpec } from "../object/section.js";
import { mapConfig, programConfig } from "./config.js";
import { defineLazily, lazily } from "./lazy.js";
import { LoadedSkeleton } from "./loaded.js";
import type { AnySpec } from "./spec.js";

const CONSUMED = "is loaded — use what load() returned";

/** A skeleton between `open()` and `load()`: what {@link Opened} describes to the compiler. */
export class OpenedSkeleton {
  readonly #spec: AnySpec;
  readonly #object: NativeObject;
  readonly #sections = new Map<string, OpenSection & { commit(): void }>();
  #loaded = false;
  readonly maps: object;
  readonly programs: object;

  constructor(spec: AnySpec, object: NativeObject) {
    this.#spec = spec;
    this.#object = object;
    const guard = (): void => this.#guard();
    this.maps = lazily(Object.keys(spec.maps), (name) => mapConfig(name, object.mapPointer(name), guard));
    this.programs = lazily(Object.keys(spec.programs), (name) =>
      programConfig(name, object.programPointer(name), guard),
    );
    for (const name of Object.keys(spec.maps)) object.mapPointer(name);
    for (const name of Object.keys(spec.programs)) object.programPointer(name);
    const sections = Object.entries(spec.globals as Record<string, SectionSpec<unknown>>);
    defineLazily(
      this,
      sections.map(([name]) => name).filter((name) => name !== "kconfig"),
      (name) => {
        this.#guard();
        const section = initialSection(object, (spec.globals as Record<string, SectionSpec<unknown>>)[name]!);
        this.#sections.set(name, section);
        return section.variables;
      },
    );
  }

  load(): LoadedSkeleton {
    this.#guard();
    try {
      for (const section of this.#sections.values()) section.commit();
      this.#object.load();
    } catch (error) {
      this.close();
      throw error;
    }
    this.#loaded = true;
    this.#releaseSections(CONSUMED);
    return new LoadedSkeleton(this.#spec, this.#object);
  }

  close(): void {
    if (this.#loaded) return;
    this.#releaseSections();
    this.#object.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #releaseSections(why?: string): void {
    for (const section of this.#sections.values()) section.close(why);
    this.#sections.clear();
  }

  #guard(): void {
    if (this.#loaded) throw stateError(this.#spec.name, CONSUMED);
    if (this.#object.state === "closed") throw closedError(this.#spec.name);
  }
}
