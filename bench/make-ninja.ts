import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The same graph for ninja. */
export function makeNinja(dir: string, steps: number, files = 10): void {
  const lines = ['rule touch', '  command = touch $out'];
  for (let n = 0; n < steps; n += 1) {
    const inputs = Array.from({ length: files }, (_, k) => `data/${n}-${k}.txt`);
    if (n % 10 === 9) inputs.push(`out/${n - 1}`);
    lines.push(`build out/${n}: touch ${inputs.join(' ')}`);
  }
  writeFileSync(join(dir, 'build.ninja'), `${lines.join('\n')}\n`);
}
