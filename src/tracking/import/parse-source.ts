import { fileURLToPath } from 'node:url';

/** Where an MLflow store is. */
export type SourceAddress =
  | { readonly kind: 'path'; readonly path: string }
  | { readonly kind: 'postgres'; readonly url: string };

/** Reads an address as MLflow and its users write it; undefined if it is none that can be read from. */
export function parseSource(text: string): SourceAddress | undefined {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9]+)(?:\+\w+)?:(.*)$/i.exec(text) ?? [];
  switch (scheme.toLowerCase()) {
    case '':
      return text === '' ? undefined : { kind: 'path', path: text };
    case 'sqlite':
      // Four slashes begin an absolute path, three a relative one, as SQLAlchemy counts them.
      return pathOf(rest.replace(/^\/\/\//, ''));
    case 'file':
      return URL.canParse(text)
        ? pathOf(fileURLToPath(new URL(`file://${new URL(text).pathname}`)))
        : undefined;
    case 'postgres':
    case 'postgresql':
      return { kind: 'postgres', url: `postgres:${rest}` };
    default:
      return undefined;
  }
}

function pathOf(path: string): SourceAddress | undefined {
  return path === '' ? undefined : { kind: 'path', path };
}
