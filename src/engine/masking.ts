/** Stands where a secret's value stood. */
const MASK = '***';

/** Values shorter than this occur by chance: they are not masked, and declaring one is warned about. */
export const SHORTEST_MASKED = 6;

/**
 * Takes the values of secrets out of a stream of text, in the forms they are likely to appear in: as
 * they are, base64, URL-encoded, inside JSON. Text that could be the start of a value is held back until
 * the next piece shows whether it is.
 */
export class Masker {
  readonly #forms: readonly string[];
  readonly #longest: number;
  #held = '';

  constructor(secrets: readonly string[]) {
    this.#forms = secrets
      .filter((value) => value.length >= SHORTEST_MASKED)
      .flatMap(formsOf)
      .toSorted((a, b) => b.length - a.length);
    this.#longest = this.#forms[0]?.length ?? 0;
  }

  push(text: string): string {
    if (this.#longest === 0) return text;
    const masked = this.#mask(this.#held + text);
    const keep = this.#possibleStart(masked);
    this.#held = masked.slice(masked.length - keep);
    return masked.slice(0, masked.length - keep);
  }

  end(): string {
    const rest = this.#mask(this.#held);
    this.#held = '';
    return rest;
  }

  #mask(text: string): string {
    return this.#forms.reduce((masked, form) => masked.replaceAll(form, MASK), text);
  }

  /** Length of the longest end of `text` that some form begins with. */
  #possibleStart(text: string): number {
    for (let length = Math.min(this.#longest - 1, text.length); length > 0; length -= 1) {
      const end = text.slice(-length);
      if (this.#forms.some((form) => form.startsWith(end))) return length;
    }
    return 0;
  }
}

function formsOf(value: string): string[] {
  const bytes = Buffer.from(value);
  // A value inside a longer base64 text starts at any of three alignments; the border characters vary.
  const aligned = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replaceAll('=', '');
    return text.slice(shift === 0 ? 0 : shift + 1, text.length - 1);
  });
  const forms = [value, encodeURIComponent(value), JSON.stringify(value).slice(1, -1), ...aligned];
  return [...new Set(forms.filter((form) => form.length >= SHORTEST_MASKED))];
}
