import { NOTIFY_EVENTS, type NotifyEvent, type NotifySettings } from '../core/notify-settings.ts';
import type { Scope } from './evaluate.ts';
import { invalid, knownKeys, mapTree, textList, textValue } from './read-value.ts';
import { refusePassword } from './refuse-password.ts';
import type { Entry } from './tree.ts';

/**
 * The `notify:` of a profile: whom `recipe schedules apply` has told what becomes of ticks.
 *
 * @throws RecipeError VALUE_INVALID, KEY_UNKNOWN, PASSWORD_IN_PROFILE with a position
 */
export function readNotify(entry: Entry, scope: Scope): NotifySettings {
  refusePassword('notify', entry);
  const map = mapTree(entry.value, 'notify');
  knownKeys(map, 'notify', ['webhook', 'command', 'on']);
  const [webhook, command, on] = ['webhook', 'command', 'on'].map((key) => map.entries.get(key));
  if (webhook === undefined && command === undefined)
    throw invalid(map.span, 'notify', 'has neither a webhook nor a command');
  return {
    on: on === undefined ? NOTIFY_EVENTS : readEvents(on, scope),
    ...(webhook === undefined ? {} : { webhook: readWebhook(webhook, scope) }),
    ...(command === undefined ? {} : { command: readCommand(command, scope) }),
  };
}

function readEvents({ value }: Entry, scope: Scope): NotifyEvent[] {
  const events = textList(value, 'notify.on', scope).map((text) => {
    const event = NOTIFY_EVENTS.find((one) => one === text);
    if (event === undefined)
      throw invalid(value.span, 'notify.on', `has ${text}, which is none of ${NOTIFY_EVENTS.join(', ')}`);
    return event;
  });
  if (events.length === 0) throw invalid(value.span, 'notify.on', 'is empty');
  return [...new Set(events)];
}

function readWebhook({ value }: Entry, scope: Scope): NonNullable<NotifySettings['webhook']> {
  const map = mapTree(value, 'notify.webhook');
  knownKeys(map, 'notify.webhook', ['url', 'secret']);
  const [url, secret] = ['url', 'secret'].map((key) => map.entries.get(key));
  if (url === undefined) throw invalid(map.span, 'notify.webhook', 'has no url');
  const address = textValue(url.value, 'notify.webhook.url', scope);
  const problem = problemOfUrl(address);
  if (problem !== undefined) throw invalid(url.value.span, 'notify.webhook.url', problem);
  if (secret === undefined) return { url: address };
  const name = textValue(secret.value, 'notify.webhook.secret', scope);
  if (name === '__proto__' || !/^[A-Za-z_]\w*$/.test(name))
    throw invalid(secret.value.span, 'notify.webhook.secret', 'is no name of a secret');
  return { url: address, secret: name };
}

function problemOfUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return 'is no URL';
  const { protocol, username, password } = new URL(text);
  if (protocol !== 'https:' && protocol !== 'http:') return 'is neither https:// nor http://';
  if (username !== '' || password !== '') return 'has a user name or a password';
  return undefined;
}

function readCommand({ value }: Entry, scope: Scope): string[] {
  const argv = textList(value, 'notify.command', scope);
  if (value.kind !== 'list' || argv.length === 0 || argv[0] === '')
    throw invalid(value.span, 'notify.command', 'is not a list: a program and its arguments');
  if (argv.some((one) => one.includes('\0')))
    throw invalid(value.span, 'notify.command', 'has a NUL character');
  return argv;
}
