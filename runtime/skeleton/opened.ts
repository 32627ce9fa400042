import { closedError, stateError } from "../errors.js";
import { expectLibbpf } from "../ffi/native.js";
import { endAll } from "../lifetimes.js";
import type { BpfMap, MapSpec, ShadowSpec } from "../maps/map.js";
import { mapConfig } from "../object/map-config.js";
import type { NativeObject } from "../object/native-object.js";
import { programConfig } from "../object/program-config.js";
import { initialSection, type OpenSection, type SectionSpec } from "../object/section.js";
import { type Apply, flag } from "../object/settings.js";
import { Shadows } from "../object/shadow.js";
import { shadowMembers } from "./config.js";
import { defineLazily, lazily } from "./lazy.js";
import { LoadedSkeleton } from "./loaded.js";
import type { AnySpec } from "./spec.js";

const CONSUMED = "is loaded — use what load() returned";

/** A skeleton between `open()` and `load()`: what {@link Opened} describes to the compiler. */
export class OpenedSkeleton {
  readonly #spec: AnySpec;
  readonly #object: NativeObject;
  readonly #sections = new Map<string, OpenSection & { commit(): void }>();
  /** What has been set of programs and maps, to be set again should the object have to be opened anew. */
  readonly #settings: (() => void)[] = [];
  /** The struct_ops maps that `attach()` leaves alone. */
  readonly #byHand = new Set<string>();
  #shadows: Shadows | undefined;
  #loaded = false;
  readonly maps: object;
  readonly programs: object;

  constructor(spec: AnySpec, object: NativeObject) {
    this.#spec = spec;
    this.#object = object;
    const guard = (): void => this.#guard();
    const mapSpecs = spec.maps as Record<string, MapSpec<BpfMap>>;
    this.programs = lazily(Object.keys(spec.programs), (name) => {
      const pointer = object.programPointer(name);
      const apply = this.#applying(pointer, () => object.programPointer(name));
      return programConfig(name, { pointer, guard, apply });
    });
    this.maps = lazily(Object.keys(mapSpecs), (name) => {
      const pointer = object.mapPointer(name);
      const apply = this.#applying(pointer, () => object.mapPointer(name));
      const config = mapConfig(object, name, { pointer, guard, apply });
      const { shadow } = mapSpecs[name]!;
      if (shadow) {
        defineLazily(config, ["shadow"], () => this.#shadow(name, shadow));
        Object.defineProperty(config, "autoattach", {
          enumerable: true,
          get: () => {
            guard();
            return !this.#byHand.has(name);
          },
          set: (value: unknown) => {
            guard();
            if (flag(`map "${name}": autoattach`, value)) this.#byHand.delete(name);
            else this.#byHand.add(name);
          },
        });
      }
      return config;
    });
    for (const [name, { shadow }] of Object.entries(mapSpecs)) {
      try {
        object.mapPointer(name);
      } catch (error) {
        // SEC(".struct_ops.link") is there from 1.2 on, SEC("?.struct_ops") from 1.4; before, they are no maps.
        if (shadow) expectLibbpf(`struct_ops map "${name}"`, "1.4");
        throw error;
      }
    }
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
      const maps = Object.values(this.#spec.maps as Record<string, MapSpec<BpfMap>>);
      if (maps.some(({ shadow }) => shadow))
        this.#openShadows().commit(() => {
          for (const set of this.#settings) set();
        });
      for (const section of this.#sections.values()) section.commit();
      this.#object.load();
    } catch (error) {
      this.close();
      throw error;
    }
    this.#loaded = true;
    this.#releaseSections(CONSUMED);
    return new LoadedSkeleton(this.#spec, this.#object, this.#byHand);
  }

  close(): void {
    if (this.#loaded) return;
    endAll([() => this.#releaseSections(), () => this.#object.close()]);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #applying(pointer: number, successor: () => number): Apply {
    return (action) => {
      this.#guard();
      action(pointer, pointer);
      this.#settings.push(() => action(successor(), pointer));
    };
  }

  #openShadows(): Shadows {
    this.#shadows ??= new Shadows(this.#object);
    return this.#shadows;
  }

  #shadow(map: string, spec: ShadowSpec): object {
    this.#guard();
    const shadow = this.#openShadows().get(map, spec.size);
    return shadowMembers(map, spec, shadow, this.programs, () => this.#guard());
  }

  #releaseSections(why?: string): void {
    this.#shadows?.release(why);
    for (const section of this.#sections.values()) section.close(why);
    this.#sections.clear();
  }

  #guard(): void {
    if (this.#loaded) throw stateError(this.#spec.name, CONSUMED);
    if (this.#object.state === "closed") throw closedError(this.#spec.name);
  }
}
