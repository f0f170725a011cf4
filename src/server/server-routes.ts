import { message } from './message.ts';
import { SIGNED_IN } from './policy.ts';
import { type Route, route } from './route.ts';

/** What clients of 3.x ask before anything else; no workspaces here. */
export const SERVER_ROUTES: readonly Route[] = [
  {
    ...route('GET', '/mlflow/server-info', 'getServerInfo', SIGNED_IN, message({}), async () => ({
      store_type: 'SqlStore',
      workspaces_enabled: false,
    })),
    version: '3.0',
  },
];
