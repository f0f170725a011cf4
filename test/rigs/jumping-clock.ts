import { writeFileSync } from 'node:fs';

/** A clock that processes of Node read in place of the machine's: off by what a file says, in milliseconds. */
export class JumpingClock {
  readonly #path: string;

  /** @param path of the file, which it makes */
  constructor(path: string) {
    this.#path = path;
    this.jump(0);
  }

  /** For NODE_OPTIONS. */
  get option(): string {
    const code = `import { readFileSync } from 'node:fs';
const now = Date.now;
Date.now = () => now() + Number(readFileSync(${JSON.stringify(this.#path)}, 'utf8'));`;
    return `--import=data:text/javascript,${encodeURIComponent(code)}`;
  }

  /** It is off by so much from now on. */
  jump(ms: number): void {
    writeFileSync(this.#path, String(ms));
  }
}
