import type { CopyTask } from './copy-task.ts';

/** Keeps the copies of one client connection in their live order: each waits until the one before it is over. */
export class LiveOrder {
  /** The last copy of each client connection that has one under way. */
  readonly #last = new Map<number, CopyTask>();

  /** Puts a copy behind those of its client connection; sets `predecessor` when there are any. */
  enter(task: CopyTask): void {
    const { connectionId } = task.request;
    const before = this.#last.get(connectionId);
    this.#last.set(connectionId, task);
    if (before === undefined) return;
    before.successor = task;
    task.predecessor = before;
  }

  /** A copy is over. Hands out the next one of its client connection if it may go now. */
  leave(task: CopyTask): CopyTask | undefined {
    const { connectionId } = task.request;
    const { predecessor, successor } = task;
    task.predecessor = undefined;
    task.successor = undefined;
    if (predecessor !== undefined) predecessor.successor = successor;
    if (successor !== undefined) successor.predecessor = predecessor;
    else if (predecessor !== undefined) this.#last.set(connectionId, predecessor);
    else if (this.#last.get(connectionId) === task) this.#last.delete(connectionId);
    return predecessor === undefined ? successor : undefined;
  }
}
