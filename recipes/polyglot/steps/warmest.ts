import { writeFileSync } from 'node:fs';
import { defineStep, Type } from 'stockpot/steps';
import { quoteLiteral, Tables } from 'stockpot/tables';

/** The months with the highest mean of daily maxima. */
export const step = defineStep({
  title: 'Choose the warmest months',
  config: Type.Object({ top: Type.Integer({ minimum: 1, default: 3 }) }, { additionalProperties: false }),
  inputs: { monthly: { kind: 'table' } },
  outputs: { months: { path: 'months.json', kind: 'value' } },
  async run({ config, inputs, outputs, threads, tmp, report }) {
    await using tables = await Tables.open({ threads, tmp });
    const months = await tables.query(
      `SELECT month::INTEGER AS month, warmest FROM read_parquet(${quoteLiteral(inputs.monthly)}) ORDER BY warmest DESC, month LIMIT ${config.top}`,
    );
    writeFileSync(outputs.months, `${JSON.stringify(months)}\n`);
    report({ type: 'metric', key: 'warmest', value: Number(months[0]?.['warmest']) });
  },
});
