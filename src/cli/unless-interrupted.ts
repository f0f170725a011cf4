import type { Context } from './context.ts';

/** What the work gives; undefined where it ends because of Ctrl-C, by throwing the signal's reason, or is not begun after it. */
export async function unlessInterrupted<T>(
  { signal }: Pick<Context, 'signal'>,
  work: () => Promise<T>,
): Promise<T | undefined> {
  if (signal.aborted) return undefined;
  try {
    return await work();
  } catch (error) {
    if (error !== signal.reason) throw error;
    return undefined;
  }
}
