import type { Json, JsonObject } from '../../core/json.ts';
import { RecipeError } from '../../core/recipe-error.ts';
import type { Approvals } from '../protection/approvals.ts';
import type { Promotion } from '../protection/promotion.ts';
import type { Protection } from '../protection/protections.ts';
import { type RestClient, refusalOf } from './rest-client.ts';

/** Protected aliases on a `recipe server`; other servers have none. */
export function restApprovals(client: RestClient): Approvals {
  const send = async (method: 'POST' | 'DELETE', path: string, body: Json): Promise<JsonObject> =>
    ofStockpot(client, () => client.send(method, `stockpot/${path}`, body));
  const get = async (path: string, name: string): Promise<JsonObject> =>
    ofStockpot(client, () => client.get(`stockpot/${path}`, { name }));
  return {
    protect: async (name, { alias, requires, approvers }) => {
      const asked = { name, alias, approvers: [...approvers] };
      await send('POST', 'protections', requires === null ? asked : { ...asked, requires });
    },
    unprotect: async (name, alias) => {
      await send('DELETE', 'protections', { name, alias });
    },
    protections: async (name) =>
      (await get('protections', name))['protections'] as unknown as readonly Protection[],
    promotions: async (name) =>
      (await get('promotions', name))['promotions'] as unknown as readonly Promotion[],
    approve: async (id) =>
      promotionOf(await send('POST', `promotions/${encodeURIComponent(id)}/approve`, {})),
    reject: async (id) => promotionOf(await send('POST', `promotions/${encodeURIComponent(id)}/reject`, {})),
  };
}

function promotionOf(answer: JsonObject): Promotion {
  return answer['promotion'] as unknown as Promotion;
}

/** @throws RecipeError ACCESS_REFUSED with the server's words */
async function ofStockpot<T>(client: RestClient, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (cause) {
    const refusal = refusalOf(cause);
    if (refusal === undefined) throw cause;
    const problem =
      refusal.code === 'ENDPOINT_NOT_FOUND' || refusal.code.startsWith('HTTP')
        ? `${client.url.replace(/\/\/[^/@]*@/, '//')} is no recipe server: it protects no aliases`
        : refusal.message;
    throw new RecipeError('ACCESS_REFUSED', { problem }, { cause });
  }
}
