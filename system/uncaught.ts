/**
 * Turns an exception thrown by one of the embedder's callbacks into an uncaught exception, as if the event
 * loop itself had called the callback: it must neither cut our own work short nor be hidden.
 */
export function throwUncaught(error: unknown): void {
  queueMicrotask(() => {
    throw error;
  });
}
