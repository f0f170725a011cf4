import { escapeHtml } from '../../report/text/escape-html.ts';

const STYLE = `body{font:16px/1.5 system-ui,sans-serif;max-width:24rem;margin:15vh auto;padding:0 1rem;color:#1d2530;background:#fff}
label{display:block;margin:.8rem 0}input{display:block;width:100%;box-sizing:border-box;font:inherit;padding:.4rem}
button,a.button{font:inherit;padding:.5rem 1rem;margin-top:.6rem;display:inline-block;border:1px solid #1f5fbf;background:#1f5fbf;color:#fff;border-radius:4px;text-decoration:none;cursor:pointer}
.problem{color:#a11}@media(prefers-color-scheme:dark){body{background:#14181f;color:#dfe5ee}}`;

/** Headers of these pages: nothing but their own style, and forms that lead back, or to the command line on loopback. */
export function pageHeaders(nonce: string): Record<string, string> {
  return {
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-frame-options': 'DENY',
    'content-security-policy': `default-src 'none'; style-src 'nonce-${nonce}'; form-action 'self' http://127.0.0.1:*; base-uri 'none'; frame-ancestors 'none'`,
  };
}

/** Where a person signs in. */
export function signInPage({
  nonce,
  next,
  hasProvider,
  problem,
}: {
  nonce: string;
  next: string;
  hasProvider: boolean;
  problem?: string;
}): string {
  const provider = hasProvider
    ? `<p><a class="button" href="/sign-in/provider?next=${encodeURIComponent(next)}">Sign in with your organisation</a></p><p>or</p>`
    : '';
  const said = problem === undefined ? '' : `<p class="problem" role="alert">${escapeHtml(problem)}</p>`;
  return page(
    nonce,
    'Sign in to Stockpot',
    `${said}${provider}<form method="post" action="/sign-in">
<input type="hidden" name="next" value="${escapeHtml(next)}">
<label>User<input name="username" autocomplete="username" required autofocus></label>
<label>Password or token<input name="password" type="password" autocomplete="current-password" required></label>
<button>Sign in</button></form>`,
  );
}

/** Where a person lets the command line act for them. */
export function allowPage({
  nonce,
  username,
  where,
  fields,
}: {
  nonce: string;
  username: string;
  where: string;
  fields: Readonly<Record<string, string>>;
}): string {
  const hidden = Object.entries(fields).map(
    ([name, value]) => `<input type="hidden" name="${escapeHtml(name)}" value="${escapeHtml(value)}">`,
  );
  return page(
    nonce,
    'Let the command line in?',
    `<p>You are <b>${escapeHtml(username)}</b>. <code>recipe login</code> on <b>${escapeHtml(where)}</b> asks for a token to act as you.</p>
<p>Allow it only if you have just started it yourself.</p>
<form method="post" action="/sign-in/allow">${hidden.join('')}<button>Allow</button></form>`,
  );
}

/** Something to tell, and nothing to do. */
export function tellPage(nonce: string, title: string, text: string): string {
  return page(nonce, title, `<p>${escapeHtml(text)}</p>`);
}

function page(nonce: string, title: string, body: string): string {
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${title}</title>
<style nonce="${nonce}">${STYLE}</style><h1>${title}</h1>${body}</html>`;
}
