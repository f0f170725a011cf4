import { readFileSync, writeFileSync } from 'node:fs';
import { defineStep, Type } from 'stockpot/steps';

/** Says what should be registered. The driver does it, on every run that reaches this step, cached or not. */
export const step = defineStep({
  title: 'Ask for a model version and an alias, if the verdict allows it',
  version: '1',
  effect: 'register',
  config: Type.Object(
    {
      model_name: Type.String({
        pattern: '^[A-Za-z0-9][\\w .-]{0,250}$',
        description: 'Name of the registered model.',
      }),
      alias: Type.Optional(
        Type.String({
          pattern: '^(?!latest$)(?!v\\d+$)[\\w-]{1,255}$',
          description: 'Alias that then points to the version.',
        }),
      ),
      allow_non_validated_model: Type.Optional(
        Type.Boolean({ default: false, description: 'Register also where the verdict is UNKNOWN.' }),
      ),
      tags: Type.Optional(Type.Record(Type.String(), Type.String())),
      description: Type.Optional(Type.String()),
    },
    { additionalProperties: false },
  ),
  inputs: {
    model: { kind: 'model' },
    verdict: { kind: 'value', optional: true },
    metrics: { kind: 'metrics', optional: true },
  },
  outputs: { request: { path: 'request.json', kind: 'value' } },
  run({ config, inputs, inputDigests, outputs, report }) {
    const verdict =
      inputs.verdict === undefined
        ? undefined
        : (JSON.parse(readFileSync(inputs.verdict, 'utf8')) as { verdict: string; champion?: string });
    const request = {
      model_name: config.model_name,
      alias: config.alias ?? null,
      model: inputDigests.model ?? null,
      verdict: verdict?.verdict ?? null,
      compared_with: verdict?.champion ?? null,
      allow_non_validated_model: config.allow_non_validated_model ?? false,
      tags: config.tags ?? {},
      description: config.description ?? null,
    };
    writeFileSync(outputs.request, JSON.stringify(request));
    report({ type: 'tag', key: 'stockpot.model_name', value: config.model_name });
  },
});
