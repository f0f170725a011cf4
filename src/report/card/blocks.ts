/** What a card is made of: data only, so that nothing a step wrote can become markup. */
export type Block =
  | { readonly kind: 'heading'; readonly text: string }
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'table';
      readonly head: readonly string[];
      readonly rows: readonly (readonly string[])[];
    }
  | { readonly kind: 'verdict'; readonly verdict: string }
  | Plot;

export type Plot =
  | {
      readonly kind: 'lines';
      readonly title: string;
      readonly x: string;
      readonly y: string;
      readonly series: readonly {
        readonly name: string;
        readonly points: readonly (readonly [number, number])[];
      }[];
      /** Draws the line of chance from corner to corner. */
      readonly diagonal?: true;
    }
  | {
      readonly kind: 'dots';
      readonly title: string;
      readonly x: string;
      readonly y: string;
      readonly points: readonly (readonly [number, number])[];
    }
  | {
      readonly kind: 'bars';
      readonly title: string;
      readonly x: string;
      readonly bars: readonly { readonly name: string; readonly value: number }[];
    }
  | {
      readonly kind: 'heat';
      readonly title: string;
      readonly x: string;
      readonly y: string;
      readonly cells: readonly { readonly row: string; readonly column: string; readonly value: number }[];
    };
