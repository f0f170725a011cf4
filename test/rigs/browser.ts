/** A browser without scripts: cookies by host, forms, redirects that are followed one by one. */
export class Browser {
  readonly #cookies = new Map<string, Map<string, string>>();
  /** Where it is. */
  url = '';

  /** Follows redirects until one leads to `until`, which it gives without going there. */
  async open(
    url: string,
    options: { form?: Readonly<Record<string, string>>; until?: string } = {},
  ): Promise<Page> {
    let next = url;
    let form = options.form;
    for (let hops = 0; hops < 20; hops += 1) {
      const { origin, host } = new URL(next);
      const cookies = this.#cookies.get(host) ?? new Map<string, string>();
      this.#cookies.set(host, cookies);
      const response = await fetch(next, {
        method: form === undefined ? 'GET' : 'POST',
        redirect: 'manual',
        headers: {
          cookie: Array.from(cookies, ([name, value]) => `${name}=${value}`).join('; '),
          ...(form === undefined ? {} : { origin }),
        },
        ...(form === undefined ? {} : { body: new URLSearchParams(form) }),
      });
      for (const cookie of response.headers.getSetCookie()) {
        const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? [];
        cookies.set(name, value);
      }
      const text = await response.text();
      const location = response.headers.get('location');
      this.url = next;
      if (location === null) return { url: next, status: response.status, text, headers: response.headers };
      next = new URL(location, next).href;
      form = undefined;
      if (options.until !== undefined && next.startsWith(options.until))
        return { url: next, status: response.status, text, headers: response.headers };
    }
    throw new Error(`too many redirects: ${next}`);
  }

  cookie(host: string, name: string): string | undefined {
    return this.#cookies.get(host)?.get(name);
  }
}

export interface Page {
  readonly url: string;
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}
