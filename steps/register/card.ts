import { type CardBlock, defineCard } from 'stockpot/steps';

interface Request {
  readonly model_name: string;
  readonly alias: string | null;
  readonly model: string | null;
  readonly verdict: string | null;
  readonly compared_with: string | null;
  readonly allow_non_validated_model: boolean;
  readonly tags: Readonly<Record<string, string>>;
  readonly description: string | null;
}

/** What is asked of the registry. What it holds by now, `recipe models show` says. */
export const card = defineCard(({ read }) => {
  const request = read('request') as Request;
  const registers =
    request.verdict === null || request.verdict === 'VALIDATED' || request.allow_non_validated_model;
  const blocks: CardBlock[] = [
    { kind: 'verdict', verdict: request.verdict ?? 'no verdict' },
    {
      kind: 'text',
      text: registers
        ? `The model is registered as ${request.model_name}${request.alias === null ? '' : `, and the alias ${request.alias} points to it`}.`
        : `Nothing is registered under ${request.model_name}: the model did not pass its gate.`,
    },
    {
      kind: 'table',
      head: ['asked for', ''],
      rows: [
        ['model name', request.model_name],
        ['alias', request.alias],
        ['digest of the model', request.model],
        ['compared with the champion', request.compared_with ?? 'there was none'],
        ['description', request.description],
        ...Object.entries(request.tags).map(([key, value]) => [`tag ${key}`, value]),
      ],
    },
  ];
  return blocks;
});
