/** The steps to undo when a later step fails or the tunnel goes down; the last step is undone first. */
export class UndoStack {
  readonly #steps: { readonly name: string; readonly undo: () => Promise<void> | void }[] = [];

  push(name: string, undo: () => Promise<void> | void): void {
    this.#steps.push({ name, undo });
  }

  /** Runs every step even when one fails; failures are passed to `onError` with the step's name. */
  async unwind(onError: (name: string, error: unknown) => void): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step.undo();
      } catch (error) {
        onError(step.name, error);
      }
    }
  }
}
