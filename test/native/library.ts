import { loadNativeLibrary, NativeUnavailableError } from '../../native/binding.js';

/** Why the native library does not load here, or undefined: the reason of skipped tests. */
export const whyNoNativeLibrary: string | undefined = reason();

function reason(): string | undefined {
  try {
    loadNativeLibrary();
    return undefined;
  } catch (error) {
    if (!(error instanceof NativeUnavailableError)) throw error;
    // Where it can be built, a missing one is no reason to skip anything.
    if (process.env['WG_TS_REQUIRE_SYSTEM'] === '1') throw error;
    return error.message;
  }
}
