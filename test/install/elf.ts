/** The dynamic symbols of a 64-bit little-endian ELF file (System V gABI), and how to take some away. */

/** Offsets and sizes in bytes: of the file header, a section header and a symbol. */
const SECTION_HEADER_OFFSET = 0x28;
const SECTION_HEADER_SIZE = 0x3a;
const SECTION_COUNT = 0x3c;
const SYMBOL_SIZE = 24;
const SHT_DYNSYM = 11;
const SHN_UNDEF = 0;

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  /** Of the section that holds the names. */
  readonly link: number;
}

interface DynamicSymbol {
  readonly name: string;
  /** Of the name, in the file. */
  readonly offset: number;
  readonly isDefined: boolean;
}

export function isElf64(file: Buffer): boolean {
  return file.length > 64 && file.readUInt32BE(0) === 0x7f454c46 && file[4] === 2 && file[5] === 1;
}

/** The names by which dlsym finds what this file itself defines. */
export function exportedNames(file: Buffer): string[] {
  return dynamicSymbols(file)
    .filter(({ isDefined }) => isDefined)
    .map(({ name }) => name);
}

/**
 * Renames what the file defines under a name that matches, in place; returns how many: the first
 * letter becomes small, so that dlsym finds nothing under the old name. The code itself calls what
 * it has by address, and keeps working.
 */
export function hideExports(file: Buffer, pattern: RegExp): number {
  const hidden = dynamicSymbols(file).filter((s) => s.isDefined && pattern.test(s.name));
  for (const { name, offset } of hidden) file.write(name.charAt(0).toLowerCase(), offset, 'latin1');
  return hidden.length;
}

function dynamicSymbols(file: Buffer): DynamicSymbol[] {
  const sections = sectionsOf(file);
  const table = sections.find(({ type }) => type === SHT_DYNSYM);
  const names = table && sections[table.link];
  if (!table || !names) return [];
  return Array.from({ length: table.size / SYMBOL_SIZE }, (_, i) => {
    const at = table.offset + i * SYMBOL_SIZE;
    const offset = names.offset + file.readUInt32LE(at);
    const name = file.toString('latin1', offset, file.indexOf(0, offset));
    return { name, offset, isDefined: file.readUInt16LE(at + 6) !== SHN_UNDEF };
  });
}

function sectionsOf(file: Buffer): Section[] {
  const start = Number(file.readBigUInt64LE(SECTION_HEADER_OFFSET));
  const size = file.readUInt16LE(SECTION_HEADER_SIZE);
  return Array.from({ length: file.readUInt16LE(SECTION_COUNT) }, (_, i) => {
    const header = file.subarray(start + i * size, start + (i + 1) * size);
    return {
      type: header.readUInt32LE(0x04),
      offset: Number(header.readBigUInt64LE(0x18)),
      size: Number(header.readBigUInt64LE(0x20)),
      link: header.readUInt32LE(0x28),
    };
  });
}
