import { isStepName } from '../core/ids.ts';
import { projectGlob } from './project-path.ts';
import { errorAt, type Span } from './source.ts';

/** A reference as it is written under `inputs:`, taken apart. */
export type Reference =
  | {
      readonly kind: 'step';
      readonly step: string;
      readonly cell: string | undefined;
      readonly all: boolean;
      readonly output: string;
    }
  | { readonly kind: 'path'; readonly path: string; readonly glob: boolean }
  | { readonly kind: 'uri'; readonly uri: string }
  | {
      readonly kind: 'model';
      readonly reference: string;
      readonly name: string;
      readonly alias?: string;
      readonly version?: string;
    };

/** @throws RecipeError VALUE_INVALID, PATH_UNSAFE, NOT_IN_THIS_VERSION */
export function parseReference(text: string, span: Span): Reference {
  if (text.startsWith('./')) return pathReference(text, span);
  if (text.startsWith('models:/')) return modelReference(text, span);
  const scheme = /^([a-z][a-z0-9+.-]*):/.exec(text)?.[1];
  if (scheme !== undefined) return uriReference(text, scheme, span);
  const dot = text.lastIndexOf('.');
  const owner = text.slice(0, dot);
  const all = owner.endsWith('.*');
  const producer = all ? owner.slice(0, -2) : owner;
  const at = producer.indexOf('@');
  const step = at === -1 ? producer : producer.slice(0, at);
  if (dot === -1 || !isStepName(step) || !isStepName(text.slice(dot + 1)))
    throw errorAt(span, 'VALUE_INVALID', {
      what: `the reference ${text}`,
      problem: 'is neither step.output, nor a path with ./ in front, nor an address',
    });
  return {
    kind: 'step',
    step,
    cell: at === -1 ? undefined : producer.slice(at + 1),
    all,
    output: text.slice(dot + 1),
  };
}

function pathReference(text: string, span: Span): Reference {
  return { kind: 'path', ...projectGlob(text, span) };
}

function uriReference(text: string, scheme: string, span: Span): Reference {
  if (scheme === 's3') throw errorAt(span, 'NOT_IN_THIS_VERSION', { what: 'reading from s3:' });
  if (scheme !== 'https' && scheme !== 'http' && scheme !== 'file')
    throw errorAt(span, 'VALUE_INVALID', {
      what: `the address ${text}`,
      problem: 'has none of the schemes https, http, file',
    });
  if (!URL.canParse(text))
    throw errorAt(span, 'VALUE_INVALID', { what: `the address ${text}`, problem: 'is not a URL' });
  if (scheme === 'file') checkFileAddress(text, span);
  if (new URL(text).password !== '') throw errorAt(span, 'PASSWORD_IN_PROFILE', { key: 'the address' });
  return { kind: 'uri', uri: text };
}

/** `file:///data/a%20b.csv`: an absolute path of this machine and nothing else. */
function checkFileAddress(text: string, span: Span): void {
  const url = new URL(text);
  const problem =
    url.host !== ''
      ? 'names another machine'
      : url.search !== '' || url.hash !== ''
        ? 'has a ? or #: write %3F or %23 where the name has one'
        : /%(?:2f|00)/i.test(url.pathname) || !isDecodable(url.pathname)
          ? 'is no path when decoded'
          : undefined;
  if (problem !== undefined) throw errorAt(span, 'VALUE_INVALID', { what: `the address ${text}`, problem });
}

function isDecodable(text: string): boolean {
  try {
    return decodeURIComponent(text) !== '';
  } catch (error) {
    if (error instanceof URIError) return false;
    throw error;
  }
}

function modelReference(text: string, span: Span): Reference {
  const match = /^models:\/([^/@]+)(?:@([\w-]+)|\/(\d+))$/.exec(text);
  if (match === null)
    throw errorAt(span, 'VALUE_INVALID', {
      what: `the reference ${text}`,
      problem: 'is neither models:/NAME@ALIAS nor models:/NAME/VERSION',
    });
  const [, name = '', alias, version] = match;
  return {
    kind: 'model',
    reference: text,
    name,
    ...(alias === undefined ? {} : { alias }),
    ...(version === undefined ? {} : { version }),
  };
}
