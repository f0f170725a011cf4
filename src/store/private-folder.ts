import { mkdirSync } from 'node:fs';

/**
 * Makes a folder that nobody else reads or changes, and those that it lies in, whatever the umask of who started the program:
 * what steps, programs and clients write may be a secret. One that is there stays as it is.
 */
export function makePrivateFolder(dir: string): void {
  mkdirSync(dir, { recursive: true, mode: 0o700 });
}
