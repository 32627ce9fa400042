declare module "elfy" {
  /** What elfy tells of a section; its other fields are not to be relied on (see elf.ts). */
  export interface ElfySection {
    readonly name: string;
    readonly off: number;
    readonly size: number;
    readonly link: number;
    readonly info: number;
    readonly data: Uint8Array;
  }

  /** elfy is CommonJS: what it exports is its default export here. */
  const elfy: {
    /** Parses an ELF file held by a Buffer; malformed ones throw all kinds of errors. */
    parse(bytes: Buffer): { readonly body: { readonly sections: readonly ElfySection[] } };
  };
  export default elfy;
}
