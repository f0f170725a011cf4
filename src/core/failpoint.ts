type Hook = (name: string) => void;

let hook: Hook | undefined;

/**
 * A named place where a test may end or break the process: before and after each write whose order
 * matters. Does nothing unless a hook is installed.
 */
export function failpoint(name: string): void {
  hook?.(name);
}

/** Calls `next` at every failpoint from now on; `undefined` takes it away. */
export function installFailpoint(next: Hook | undefined): void {
  hook = next;
}
