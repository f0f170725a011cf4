/** Ten epochs; each is written to a log outside, and to the checkpoint. It waits after an epoch if a file says which. */
export const TRAIN = `import { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { defineStep, Type } from 'stockpot/steps';

export const step = defineStep({
  title: 'Trains',
  config: Type.Object({ outside: Type.String() }),
  inputs: {},
  outputs: { model: { path: 'model.json', kind: 'file' } },
  run: async ({ config, outputs, checkpoint = '' }) => {
    const kept = join(checkpoint, 'state.json');
    let { epoch, weight } = existsSync(kept) ? JSON.parse(readFileSync(kept, 'utf8')) : { epoch: 0, weight: 1 };
    while (epoch < 10) {
      epoch += 1;
      weight = (weight * 31 + epoch) % 1009;
      appendFileSync(join(config.outside, 'epochs'), \`\${epoch}\\n\`);
      writeFileSync(kept + '.new', JSON.stringify({ epoch, weight }));
      renameSync(kept + '.new', kept);
      // Looked for before anybody is told: who is told takes the file away.
      const waits = existsSync(join(config.outside, 'stop-' + epoch));
      console.log('epoch ' + epoch);
      if (waits) await setTimeout(600_000);
    }
    writeFileSync(outputs.model, JSON.stringify({ weight }));
  },
});
`;
