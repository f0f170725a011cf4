/**
 * Waits for works that go on at once. What one of them fails of aborts `failed`, which ends the others, and is thrown when
 * they have ended.
 */
export async function sideBySide(failed: AbortController, works: readonly Promise<void>[]): Promise<void> {
  for (const work of works) work.catch(() => failed.abort());
  for (const outcome of await Promise.allSettled(works))
    if (outcome.status === 'rejected') throw outcome.reason;
}
