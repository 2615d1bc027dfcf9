import { WgTsError } from '../../system/errors.js';
import { MAX_ZIP_BYTES } from './archive.js';

const MAX_REDIRECTS = 3;
const TIMEOUT_MS = 60_000;

export interface DownloadOptions {
  readonly maxBytes?: number;
  readonly timeoutMs?: number;
}

/**
 * Downloads `url`. Redirects are followed only to the same host and protocol. Throws WgTsError
 * ERR_DOWNLOAD.
 */
export async function download(url: string, options: DownloadOptions = {}): Promise<Uint8Array> {
  const { maxBytes = MAX_ZIP_BYTES, timeoutMs = TIMEOUT_MS } = options;
  const signal = AbortSignal.timeout(timeoutMs);
  try {
    const response = await follow(new URL(url), signal);
    return await readBounded(response, maxBytes);
  } catch (error) {
    throw new WgTsError('ERR_DOWNLOAD', `cannot download ${url}: ${reasonOf(error, timeoutMs)}`, {
      hint: 'download it with a browser, then run wg-ts wintun install FILE',
      cause: error,
    });
  }
}

async function follow(start: URL, signal: AbortSignal): Promise<Response> {
  let url = start;
  for (let redirects = 0; redirects <= MAX_REDIRECTS; redirects++) {
    const response = await fetch(url, { redirect: 'manual', signal });
    if (response.ok) return response;
    const location = response.headers.get('location');
    await response.body?.cancel();
    if (response.status < 300 || response.status >= 400 || location === null)
      throw new Error(`the server answered ${response.status} ${response.statusText}`.trim());
    const next = new URL(location, url);
    if (next.host !== start.host || next.protocol !== start.protocol)
      throw new Error(`it redirects to another site: ${next.origin}`);
    url = next;
  }
  throw new Error(`it redirects more than ${MAX_REDIRECTS} times`);
}

async function readBounded(response: Response, maxBytes: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  // Counts the bytes received, whatever length the server announces.
  for await (const chunk of response.body ?? []) {
    length += chunk.length;
    if (length > maxBytes) throw new Error(`it is more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

/** fetch reports only that it failed; the reason is in the cause. */
function reasonOf(error: unknown, timeoutMs: number): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'TimeoutError') return `timed out after ${timeoutMs / 1000} s`;
  return error.cause instanceof Error ? error.cause.message || String(error.cause) : error.message;
}
