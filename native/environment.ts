/** Ends native resources together with their JavaScript environment, which can no longer do so itself. */
import { createRequire } from 'node:module';

interface NodeApi {
  add(env: unknown, hook: unknown, argument: unknown): number;
  remove(env: unknown, hook: unknown, argument: unknown): number;
  readonly env: unknown;
}

let loaded: NodeApi | undefined;

/** Binds functions of Node-API, which the executable itself exports. */
function nodeApi(): NodeApi {
  if (loaded) return loaded;
  const koffi = createRequire(import.meta.url)('koffi') as typeof import('koffi');
  const lib = koffi.load(null);
  const parameters = '(void *env, void *hook, void *argument)';
  loaded = {
    add: lib.func(`int napi_add_env_cleanup_hook${parameters}`),
    remove: lib.func(`int napi_remove_env_cleanup_hook${parameters}`),
    env: koffi.node.env,
  };
  return loaded;
}

/**
 * Calls the C function `hook` with `argument` when the environment ends: that of a worker_thread when it
 * is terminated, that of the main thread at the end of the process. Its descriptors are still open then,
 * and its libraries loaded. Returns a function that removes the hook. Does nothing where the runtime has no
 * such hook.
 */
export function atEnvironmentEnd(hook: unknown, argument: unknown): () => void {
  try {
    const { add, remove, env } = nodeApi();
    if (add(env, hook, argument) !== 0) return () => undefined;
    return () => void remove(env, hook, argument);
  } catch {
    return () => undefined;
  }
}
