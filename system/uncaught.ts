/**
 * Makes an uncaught exception of what a callback of the program has thrown, as if the event loop itself
 * had called it: it must neither cut our own work short nor be hidden.
 */
export function throwUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
