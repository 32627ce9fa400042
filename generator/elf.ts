import elfy, { type ElfySection } from "elfy";
import { type ElfFile, readElf } from "../runtime/btf/elf.js";
import { FormatError } from "../runtime/btf/reader.js";

/** Larger files are no BPF objects: a program has at most a million instructions of eight bytes. */
const MAX_SIZE = 2 ** 25;

/**
 * Reads a compiled BPF object: elfy parses its header and sections, and their names, places, links and bytes are elfy's.
 *
 * elfy 1.0 trusts its input: it slices without bounds, decodes the name of every section anew however long, and
 * asserts. So `readElf` goes first and vouches for the file, saying what is wrong with it. It also supplies what elfy
 * has no numbers for: alignment and entry size, which elfy reads from the wrong bytes of a 64-bit header; type and
 * flags, which it turns into names that not every value has; and the machine, of which it knows none beyond 183.
 */
export function readObject(bytes: Uint8Array): ElfFile {
  if (bytes.length > MAX_SIZE)
    throw new FormatError("ELF header", `a file of ${bytes.length} bytes, more than ${MAX_SIZE}`);
  const checked = readElf(bytes);
  const parsed = sectionsByElfy(bytes);
  const sections = checked.sections.map((section, index) => {
    const found = parsed[index];
    if (!found) throw new FormatError("ELF header", `elfy finds only ${parsed.length} sections`);
    const { name, off: offset, size, link, info } = found;
    // elfy cuts bytes out of the file even for a section that has none there, and they are a Buffer.
    const { buffer, byteOffset } = found.data;
    const data = section.data.length === size ? new Uint8Array(buffer, byteOffset, size) : section.data;
    return { ...section, name, offset, size, link, info, data };
  });
  return { ...checked, sections };
}

function sectionsByElfy(bytes: Uint8Array): readonly ElfySection[] {
  try {
    return elfy.parse(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)).body.sections;
  } catch (error) {
    throw new FormatError("ELF header", `refused by elfy: ${error instanceof Error ? error.message : error}`);
  }
}
