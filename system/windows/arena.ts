import { newStruct, type Struct } from '../../network/windows/structs.js';
import { koffi } from './libraries.js';

/**
 * Memory that structs point to. An address alone keeps nothing from being collected, so all of it
 * lives until `release`, which belongs after the call that reads it.
 */
export class Arena {
  #kept: Uint8Array[] = [];

  struct(size: number): Struct {
    const struct = newStruct(size);
    this.#kept.push(struct.bytes);
    return struct;
  }

  addressOf({ bytes }: Struct): bigint {
    return koffi().address(bytes);
  }

  /** The address of a copy. */
  copy(bytes: Uint8Array): bigint {
    const struct = this.struct(bytes.length);
    struct.bytes.set(bytes);
    return this.addressOf(struct);
  }

  /** The address of the text in UTF-16, with its end. */
  text(text: string): bigint {
    return this.copy(Buffer.from(`${text}\0`, 'utf16le'));
  }

  release(): void {
    this.#kept = [];
  }
}
