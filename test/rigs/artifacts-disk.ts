import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

/** What stands in the file that nobody is to reach. */
export const SECRET = 'not for you';
export const UNTOUCHED = { secret: SECRET };

/** A folder for artifacts, and a file beside it that nobody is to reach. */
export class ArtifactsDisk implements Disposable {
  readonly #dir = realpathSync(mkdtempSync(join(tmpdir(), 'stockpot-')));
  readonly dir = join(this.#dir, 'artifacts');
  readonly outside = join(this.#dir, 'outside');

  constructor() {
    mkdirSync(this.dir);
    mkdirSync(this.outside);
    writeFileSync(join(this.outside, 'secret'), SECRET);
  }

  /** Writes a file as somebody else on this machine does. */
  write(path: string, text: string): void {
    mkdirSync(dirname(this.of(path)), { recursive: true });
    writeFileSync(this.of(path), text);
  }

  link(path: string, target: string): void {
    mkdirSync(dirname(this.of(path)), { recursive: true });
    symlinkSync(target, this.of(path));
  }

  of(path: string): string {
    return join(this.dir, path);
  }

  read(path: string): string {
    return readFileSync(this.of(path), 'utf8');
  }

  /** What lies outside now; `UNTOUCHED` if nobody wrote there. */
  beside(): Readonly<Record<string, string>> {
    return Object.fromEntries(
      readdirSync(this.outside).map((name) => [name, readFileSync(join(this.outside, name), 'utf8')]),
    );
  }

  [Symbol.dispose](): void {
    rmSync(this.#dir, { recursive: true });
  }
}
