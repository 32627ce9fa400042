import { FormatError, fingerprint, parseBtf, readElf, sectionNamed } from "../btf/index.js";
import { BpfError } from "../errors.js";

/**
 * Refuses an object that is not the one a skeleton was generated from, as far as its layouts go: reading it by this
 * skeleton would give wrong values.
 */
export function checkLayout(
  name: string,
  bytes: Uint8Array,
  expected: { readonly fingerprint: string; readonly types: readonly string[] },
): void {
  if (expected.fingerprint === "" || !(bytes instanceof Uint8Array)) return;
  if (expected.fingerprint === layoutOf(name, bytes, expected.types)) return;
  throw new BpfError(
    `${name}: the object's maps, globals or records are laid out differently than in its skeleton — regenerate the skeleton`,
    { code: "ERR_BPF_LAYOUT" },
  );
}

function layoutOf(name: string, bytes: Uint8Array, types: readonly string[]): string {
  try {
    const elf = readElf(bytes);
    const btf = sectionNamed(elf, ".BTF");
    return btf ? fingerprint(elf, parseBtf(btf.data), types) : "no BTF";
  } catch (cause) {
    if (!(cause instanceof FormatError)) throw cause;
    throw new BpfError(`${name}: ${cause.message} — is it a BPF object, whole, as the compiler wrote it?`, {
      code: "ERR_BPF_OBJECT",
      cause,
    });
  }
}
