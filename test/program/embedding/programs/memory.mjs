// What a process holds when everything is collected that can be. Needs --expose-gc.
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { setTimeout as sleep } from 'node:timers/promises';

const FIELDS = ['arena', 'ordblks', 'smblks', 'hblks', 'hblkhd', 'usmblks', 'fsmblks', 'uordblks'];
const allocated = openAllocated();

/** Bytes that C code holds at the moment: free memory that was not given back is no leak. glibc only. */
function openAllocated() {
  try {
    const koffi = createRequire(import.meta.url)('koffi');
    const members = [...FIELDS, 'fordblks', 'keepcost'].map((name) => [name, 'size_t']);
    koffi.struct('mallinfo2_result', Object.fromEntries(members));
    const mallinfo2 = koffi.load(null).func('mallinfo2_result mallinfo2()');
    return () => {
      const { uordblks, hblkhd } = mallinfo2();
      return Number(uordblks) + Number(hblkhd);
    };
  } catch {
    return () => 0;
  }
}

export async function held() {
  for (let i = 0; i < 8; i++) {
    await sleep(20);
    globalThis.gc();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return {
    bytes: heapUsed + external + allocated(),
    rss,
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    resources: process.getActiveResourcesInfo().sort(),
  };
}
