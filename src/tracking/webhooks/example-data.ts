import type { WebhookEvent } from './webhook-event.ts';

const TEXTS = { tags: { team: 'blue' }, description: 'an example' };
const VERSION = { name: 'example', version: '1' };

/** What a receiver would be told of an event, for a trial: the same fields. */
export function exampleData({ entity, action }: WebhookEvent): object {
  const tag = action === 'set' ? { key: 'team', value: 'blue' } : { key: 'team' };
  switch (entity) {
    case 'registered_model':
    case 'prompt':
      return { name: 'example', ...TEXTS };
    case 'model_version':
      return { ...VERSION, source: 'models:/m-00000000000000000000000000000001', run_id: null, ...TEXTS };
    case 'prompt_version':
      return { ...VERSION, template: 'Hello {{ name }}', ...TEXTS };
    case 'model_version_tag':
    case 'prompt_version_tag':
      return { ...VERSION, ...tag };
    case 'prompt_tag':
      return { name: 'example', ...tag };
    case 'model_version_alias':
    case 'prompt_alias':
      return action === 'created'
        ? { ...VERSION, alias: 'champion' }
        : { name: 'example', alias: 'champion' };
    case 'promotion':
      return { name: 'example', promotion_id: '1', alias: 'champion', version: '2', before: '1' };
    case 'budget_policy':
      return { budget_policy_id: 'example' };
  }
}
