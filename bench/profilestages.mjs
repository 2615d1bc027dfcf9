// Assigns a sample to a stage of a packet's path, by its call chain, innermost frame first.

const CRYPTO = 'encryption and authentication';
const COPYING = 'copying between kernel and process';
const OWN_COPYING = 'copying within the process';
const CHECKSUMS = 'checksums';
const TUN = 'TUN: reads and writes';
const UDP = 'UDP: sends and receives';
const DELIVERY = 'delivery by the network stacks';
const SCHEDULING = 'waiting, waking and scheduling';
const ENTRY = 'entering and leaving system calls';
const OTHER_KERNEL = 'rest of the kernel';
const OWN = 'the rest of the data plane';
const RUNTIME = 'JavaScript and Node.js';

/** In the order of the report. */
export const STAGES = [
  CRYPTO,
  OWN,
  RUNTIME,
  OWN_COPYING,
  CHECKSUMS,
  COPYING,
  TUN,
  UDP,
  DELIVERY,
  SCHEDULING,
  ENTRY,
  OTHER_KERNEL,
];

/** The first rule that matches decides; `leaf` is matched with the innermost frame only. */
const IN_KERNEL = [
  { stage: COPYING, leaf: /^_*copy_|copy_(to|from)_|^rep_movs|^memcpy|skb_copy/ },
  { stage: CHECKSUMS, leaf: /csum|checksum/ },
  { stage: ENTRY, leaf: /^(do_syscall|entry_SYSCALL|syscall_|irqentry_|asm_exc|exit_to_user)/ },
  {
    stage: SCHEDULING,
    any: /^(__|preempt_)?schedule|sched_yield|wake_?up|^sock_def_readable|futex|sys_p?poll|epoll|nanosleep/,
  },
  { stage: DELIVERY, any: /softirq|net_rx_action|netif_receive_skb|napi_gro/ },
  { stage: TUN, any: /^tun_|^(vfs|ksys|do)_(read|write)|sys_(read|write)v?$/ },
  { stage: UDP, any: /sys_(send|recv)|udp/ },
];

const IN_PROCESS = [
  { stage: CRYPTO, leaf: /chacha|poly1305|aead|^EVP_|^CRYPTO_|^OPENSSL_|^null_(seal|open)/i },
  { stage: CHECKSUMS, leaf: /csum|checksum|^add_words/i },
  { stage: OWN_COPYING, leaf: /mem(cpy|p?cpy|move|set|clr)/ },
];

/** Returns the stage of a sample. `frames` are `{ symbol, object }`; `object` is the file with the code. */
export function stageOf(frames) {
  const [leaf] = frames;
  if (isKernel(leaf)) {
    const inKernel = frames.slice(
      0,
      firstIndex(frames, (frame) => !isKernel(frame)),
    );
    const found = IN_KERNEL.find((rule) =>
      rule.leaf
        ? rule.leaf.test(leaf.symbol)
        : inKernel.some(({ symbol }) => rule.any.test(symbol)),
    );
    return found?.stage ?? OTHER_KERNEL;
  }
  const found = IN_PROCESS.find((rule) => rule.leaf.test(leaf.symbol));
  return found?.stage ?? (isRuntime(leaf) ? RUNTIME : OWN);
}

export const hasSymbol = (frame) => frame.symbol !== '[unknown]';

/** Modules are shown as `[name]`, like the kernel. */
const isKernel = ({ object }) => /^\[(?!unknown\]|vdso\]|heap\]|stack\]|anon)/.test(object);

/** Generated code belongs to no file. */
const isRuntime = ({ object }) => /\/node$|koffi|\.map$|^\[unknown\]$|anon/.test(object);

function firstIndex(list, test) {
  const index = list.findIndex(test);
  return index < 0 ? list.length : index;
}
