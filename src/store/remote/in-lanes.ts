/**
 * Does `work` for each item, so many at once, and takes the next item only when there is a lane for it. After
 * a failure no further item is begun; throws the first failure once all lanes have ended.
 */
export async function inLanes<T>(
  lanes: number,
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const pending = Iterator.from(items);
  let hasFailed = false;
  const lane = async (): Promise<void> => {
    for (let next = pending.next(); !hasFailed && next.done !== true; next = pending.next()) {
      try {
        await work(next.value);
      } catch (error) {
        hasFailed = true;
        throw error;
      }
    }
  };
  const ended = await Promise.allSettled(Array.from({ length: lanes }, lane));
  for (const one of ended) if (one.status === 'rejected') throw one.reason;
}
