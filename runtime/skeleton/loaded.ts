import { libbpf } from "../ffi/native.js";
import { endAll } from "../lifetimes.js";
import type { BpfMap, MapSpec } from "../maps/map.js";
import type { NativeObject } from "../object/native-object.js";
import { loadedSection, type OpenSection, type SectionSpec } from "../object/section.js";
import type { BaseProgram } from "../programs/base.js";
import { destroyAll, type Link } from "../programs/link.js";
import { defineLazily, lazily } from "./lazy.js";
import type { AnySpec, ProgramSpec } from "./spec.js";

/** A skeleton in the kernel: what {@link Loaded} describes to the compiler. */
export class LoadedSkeleton {
  readonly #spec: AnySpec;
  readonly #object: NativeObject;
  readonly #byHand: ReadonlySet<string>;
  readonly #sections: OpenSection[] = [];
  #end: (() => void) | undefined;
  #closed: Promise<void> | undefined;
  readonly maps: object;
  readonly programs: object;
  readonly links: Record<string, Link> = Object.create(null);

  /** @param byHand the struct_ops maps that `attach()` leaves alone. */
  constructor(spec: AnySpec, object: NativeObject, byHand: ReadonlySet<string>) {
    this.#spec = spec;
    this.#byHand = byHand;
    this.#object = object;
    const maps = spec.maps as Record<string, MapSpec<BpfMap>>;
    const programs = spec.programs as Record<string, ProgramSpec<BaseProgram>>;
    const globals = spec.globals as Record<string, SectionSpec<unknown>>;
    this.maps = lazily(Object.keys(maps), (name) => object.own(maps[name]!.create(object.mapHandle(name))));
    this.programs = lazily(Object.keys(programs), (name) =>
      programs[name]!.create(object.programPointer(name), object),
    );
    defineLazily(this, Object.keys(globals), (name) => {
      const section = loadedSection(object, globals[name]!);
      this.#sections.push(section);
      return section.variables;
    });
  }

  attach(): void {
    const made: string[] = [];
    try {
      for (const [name, { auto }] of Object.entries(
        this.#spec.programs as Record<string, ProgramSpec<BaseProgram>>,
      )) {
        const pointer = this.#object.programPointer(name);
        if (!auto || this.#isAttached(name)) continue;
        if (!libbpf.bpf_program__autoload(pointer) || !libbpf.bpf_program__autoattach(pointer)) continue;
        this.links[name] = (this.programs as Record<string, { attach(): Link }>)[name]!.attach();
        made.push(name);
      }
      for (const [name, { auto }] of Object.entries(this.#spec.maps as Record<string, MapSpec<BpfMap>>)) {
        if (!auto || this.#byHand.has(name) || this.#isAttached(name)) continue;
        if (!libbpf.bpf_map__autocreate(this.#object.mapPointer(name))) continue;
        this.links[name] = (this.maps as Record<string, { attach(): Link } | undefined>)[name]!.attach();
        made.push(name);
      }
    } catch (error) {
      this.#unlink(made);
      throw error;
    }
  }

  detach(): void {
    for (const name of Object.keys(this.links)) delete this.links[name];
    this.#object.detach();
  }

  close(): void {
    if (this.#object.state === "closed") return;
    for (const name of Object.keys(this.links)) delete this.links[name];
    endAll([
      () => this.#object.detach(),
      ...this.#sections.splice(0).map((section) => () => section.close()),
      () => this.#object.close(),
      () => this.#end?.(),
    ]);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  get closed(): Promise<void> {
    if (this.#object.state === "closed") return Promise.resolve();
    this.#closed ??= new Promise((resolve) => {
      // A pending promise does not keep Node running; a timer does.
      const alive = setInterval(() => undefined, 0x7fff_ffff);
      this.#end = () => {
        clearInterval(alive);
        resolve();
      };
    });
    return this.#closed;
  }

  #isAttached(name: string): boolean {
    const link = this.links[name];
    return link !== undefined && this.#object.links.has(link);
  }

  /** Takes back what was attached before something could not be, which is what is told then. */
  #unlink(names: readonly string[]): void {
    const links = names.map((name) => this.links[name]!);
    for (const name of names) delete this.links[name];
    try {
      destroyAll(links);
    } catch {
      // The error of the attachment says more.
    }
  }
}
