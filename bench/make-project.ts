import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A project of `steps` command steps, each with ten input files of its own; one in ten needs another. */
export function makeProject(dir: string, steps: number, files = 10): void {
  mkdirSync(join(dir, 'data'), { recursive: true });
  const lines = ['steps:'];
  for (let n = 0; n < steps; n += 1) {
    const inputs = Array.from({ length: files }, (_, k) => {
      const name = `${n}-${k}.txt`;
      writeFileSync(join(dir, 'data', name), `${n} ${k}\n`);
      return `i${k}: ./data/${name}`;
    });
    if (n % 10 === 9) inputs.push(`before: s${n - 1}.o`);
    lines.push(
      `  s${n}:`,
      `    run: [touch, "{{ outputs.o }}"]`,
      `    inputs: { ${inputs.join(', ')} }`,
      '    outputs: { o: o.txt }',
    );
  }
  writeFileSync(join(dir, 'recipe.yaml'), `${lines.join('\n')}\n`);
}
