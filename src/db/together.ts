/**
 * Statements that need nothing of each other's answers: all are sent before the first one is answered. Throws
 * what the first that failed did, in the order of the list, once all have ended; so too for one that throws
 * instead of sending anything.
 */
export async function together<T extends readonly unknown[]>(
  ...statements: { readonly [K in keyof T]: () => Promise<T[K]> }
): Promise<T> {
  const ended = await Promise.allSettled(statements.map(async (statement) => statement()));
  return ended.map((one) => {
    if (one.status === 'rejected') throw one.reason;
    return one.value;
  }) as unknown as T;
}
