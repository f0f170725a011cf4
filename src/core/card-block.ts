import { type Static, type TLiteral, type TObject, type TProperties, Type } from 'typebox';

const Text = Type.String({ maxLength: 20_000 });
const Point = Type.Unsafe<[x: number, y: number]>({
  type: 'array',
  items: { type: 'number' },
  minItems: 2,
  maxItems: 2,
});
const plot = { title: Text, x: Text, y: Text };

/** A place in a table. A number is shown with five digits, right-aligned; null is shown as nothing. */
const Cell = Type.Union([
  Text,
  Type.Number(),
  Type.Null(),
  Type.Object(
    { kind: Type.Literal('spark'), counts: Type.Array(Type.Number({ minimum: 0 }), { maxItems: 100 }) },
    { additionalProperties: false, description: 'A small histogram: counts of bins of equal width.' },
  ),
  Type.Object(
    { kind: Type.Literal('share'), value: Type.Number({ minimum: 0, maximum: 1 }) },
    { additionalProperties: false, description: 'A part of a whole, as a bar and in per cent.' },
  ),
]);

const block = <K extends string, P extends TProperties>(
  kind: K,
  properties: P,
): TObject<{ kind: TLiteral<K> } & P> =>
  Type.Object({ kind: Type.Literal(kind), ...properties }, { additionalProperties: false }) as TObject<
    { kind: TLiteral<K> } & P
  >;

/** The schema of each kind of block. */
export const CARD_BLOCKS = {
  heading: block('heading', { text: Text }),
  text: block('text', { text: Text }),
  warning: block('warning', { text: Text }),
  log: block('log', { text: Text }),
  verdict: block('verdict', { verdict: Text }),
  table: block('table', {
    head: Type.Array(Text, { maxItems: 100 }),
    rows: Type.Array(Type.Array(Cell, { maxItems: 100 }), { maxItems: 1000 }),
  }),
  lines: block('lines', {
    ...plot,
    series: Type.Array(
      Type.Object(
        { name: Text, points: Type.Array(Point, { maxItems: 10_000 }) },
        { additionalProperties: false },
      ),
      { maxItems: 20 },
    ),
    diagonal: Type.Optional(
      Type.Literal(true, { description: 'Draws the line of chance from corner to corner.' }),
    ),
  }),
  dots: block('dots', {
    ...plot,
    points: Type.Array(Point, { maxItems: 10_000 }),
    diagonal: Type.Optional(Type.Literal(true, { description: 'Draws the line where both are equal.' })),
  }),
  bars: block('bars', {
    title: Text,
    x: Text,
    bars: Type.Array(Type.Object({ name: Text, value: Type.Number() }, { additionalProperties: false }), {
      maxItems: 200,
    }),
  }),
  heat: block('heat', {
    ...plot,
    cells: Type.Array(
      Type.Object({ row: Text, column: Text, value: Type.Number() }, { additionalProperties: false }),
      { maxItems: 10_000 },
    ),
  }),
} as const;

/** What a card is made of: data only, so that nothing a step wrote can become markup. */
export type CardBlock = {
  [K in keyof typeof CARD_BLOCKS]: Static<(typeof CARD_BLOCKS)[K]>;
}[keyof typeof CARD_BLOCKS];
export type CardCell = Static<typeof Cell>;
export type CardPlot = Extract<CardBlock, { kind: 'lines' | 'dots' | 'bars' | 'heat' }>;
