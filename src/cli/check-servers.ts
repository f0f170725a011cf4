import type { Addresses } from '../core/plan.ts';
import { RecipeError } from '../core/recipe-error.ts';
import { httpRequest } from '../net/http-client.ts';
import { placesOf } from '../tracking/places.ts';
import { type Check, checkOf } from './check.ts';
import { checkClock } from './check-clock.ts';
import type { Context } from './context.ts';

const TIMEOUT_MS = 10_000;
/** A server tells the time in whole seconds. */
const HALF_A_SECOND = 500;

/** Whether the servers answer that keep runs and models, and take submitted runs; and what they say is the time. */
export async function checkServers(profile: Addresses, { world }: Context): Promise<Check[]> {
  try {
    const { tracking, registry } = placesOf({ flags: {}, env: world.env, profile });
    const submissions = world.env['STOCKPOT_SERVER_URL'];
    const urls = [tracking, registry].flatMap((place) => (place.kind === 'server' ? [place.url] : []));
    if (submissions !== undefined && submissions !== '') urls.push(submissions.replace(/\/+$/, ''));
    const checks = [];
    for (const url of new Set(urls)) checks.push(...(await checkServer(url, world.clock)));
    return checks;
  } catch (error) {
    if (!(error instanceof RecipeError)) throw error;
    return [checkOf('server', error)];
  }
}

async function checkServer(url: string, clock: Context['world']['clock']): Promise<Check[]> {
  const place = URL.canParse(url) ? new URL(url).host : url;
  const fix = 'Check the address, and that the server runs there: `recipe server`, or `mlflow server`.';
  try {
    const [sentAt, started] = [clock.now(), clock.monotonic()];
    const { status, date, body } = await httpRequest({
      url: `${url}/health`,
      method: 'GET',
      timeoutMs: TIMEOUT_MS,
    });
    const tookMs = clock.monotonic() - started;
    // Read to its end, which gives the connection back.
    for await (const _ of body);
    if (status >= 400)
      return [{ name: 'server', ok: false, detail: `${place} answers with status ${status}`, fix }];
    const found = { name: 'server', ok: true, detail: `${place} answers in ${tookMs.toFixed(1)} ms` };
    const skewMs = date === undefined ? NaN : Date.parse(date) + HALF_A_SECOND - sentAt - tookMs / 2;
    return Number.isNaN(skewMs) ? [found] : [found, checkClock('server clock', 'the server', skewMs)];
  } catch (error) {
    const { message, cause } = error instanceof Error ? error : new Error(String(error));
    const problem = cause instanceof Error ? cause.message : message;
    return [{ name: 'server', ok: false, detail: `${place} cannot be reached: ${problem}`, fix }];
  }
}
