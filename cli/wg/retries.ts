import { WgTsError } from '../../system/errors.js';

/** Reads WG_ENDPOINT_RESOLUTION_RETRIES, a number or `infinity`. Throws WgTsError ERR_USAGE. */
export function resolutionRetries(env: NodeJS.ProcessEnv = process.env): {
  readonly retries?: number;
} {
  const text = env['WG_ENDPOINT_RESOLUTION_RETRIES'];
  if (text === undefined) return {};
  if (text === 'infinity') return { retries: Number.POSITIVE_INFINITY };
  if (/^\d{1,9}$/.test(text)) return { retries: Number(text) };
  throw new WgTsError(
    'ERR_USAGE',
    "WG_ENDPOINT_RESOLUTION_RETRIES is neither a number nor 'infinity'",
    { hint: 'unset it for the default of 15 retries' },
  );
}
