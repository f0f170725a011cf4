import type { Span } from '../../src/tracing/span.ts';
import type { Receiver } from './receiver.ts';

/** What a collector was sent at once. */
export interface Sent {
  readonly path: string;
  readonly headers: Record<string, unknown>;
  readonly spans: readonly Span[];
  readonly resource: Readonly<Record<string, unknown>>;
}

export function sentTo({ got }: Receiver): Sent[] {
  return got.map(({ path, headers, body }) => {
    const { resourceSpans } = JSON.parse(body) as {
      resourceSpans: [
        { resource: { attributes: Span['attributes'] }; scopeSpans: [{ spans: readonly Span[] }] },
      ];
    };
    const [{ resource, scopeSpans }] = resourceSpans;
    return { path, headers, spans: scopeSpans[0].spans, resource: valuesOf(resource.attributes) };
  });
}

export function valuesOf(attributes: Span['attributes'] | undefined): Record<string, unknown> {
  return Object.fromEntries(
    (attributes ?? []).map(({ key, value }) => [
      key,
      'intValue' in value ? Number(value.intValue) : value.stringValue,
    ]),
  );
}

export function named(spans: readonly Span[] | undefined, name: string): Span {
  // A recipe has the name of its folder.
  const found = spans?.find((span) => span.name.startsWith(name));
  if (found === undefined) throw new Error(`no span ${name} in ${JSON.stringify(spans)}`);
  return found;
}
