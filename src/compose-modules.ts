import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Surroundings } from './compose-home.ts';
import { LocalLauncher } from './executors/local/local-launcher.ts';

/** The program runs from its source, or from what is built from it. */
export const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js';

/** Where this program's own modules lie, for processes that it starts. */
export class ProgramModules {
  readonly #surroundings: Surroundings;

  constructor(surroundings: Surroundings) {
    this.#surroundings = surroundings;
  }

  /** Absolute path of a module, named from `src/` on without its extension. */
  path(name: string): string {
    return fileURLToPath(new URL(`./${name}.${EXTENSION}`, import.meta.url));
  }

  /** The folder that holds `steps/` as they run: the package, or what is built from it. */
  get root(): string {
    const { packageDir } = this.#surroundings;
    return EXTENSION === 'ts' ? packageDir : join(packageDir, 'dist');
  }

  /** Absolute path of a shipped component's module. */
  shippedEntry(component: string): string {
    return join(this.root, 'steps', component, `run.${EXTENSION}`);
  }

  /** @param pipes beginning of the name of the folder below `attempts/` that its pipes lie in */
  launcher(home: string, pipes: string): LocalLauncher {
    const { node, world } = this.#surroundings;
    return new LocalLauncher({
      node,
      childModule: this.path('step/child'),
      hostModule: this.path('executors/local/launch-host'),
      pipesDir: join(home, 'attempts', `${pipes}${randomUUID()}`),
      env: world.env,
    });
  }
}
