import { registerHooks } from 'node:module';

/** Makes `stockpot` and `stockpot/steps` mean the running program in this process, wherever a step lies. */
export function resolveOwnExports(): void {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  registerHooks({
    resolve(specifier, context, next) {
      const name = /^stockpot(?:\/(steps|tables|learn|client))?$/.exec(specifier);
      if (name === null) return next(specifier, context);
      const file = `../exports/${name[1] ?? 'index'}.${extension}`;
      return { url: new URL(file, import.meta.url).href, shortCircuit: true };
    },
  });
}
