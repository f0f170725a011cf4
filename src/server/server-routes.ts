import { ANY, BOOLEAN, listOf, TEXT } from './answers/shape.ts';
import { message, text } from './message.ts';
import { SIGNED_IN } from './policy.ts';
import { type Route, route } from './route.ts';

/** What MLflow says while it has no gateway to pass requests on to. */
const NO_GATEWAY = { endpoints: [] };

export const SERVER_ROUTES: readonly Route[] = [
  ...(['GET', 'POST'] as const).map((method) =>
    route(
      method,
      '/mlflow/gateway-proxy',
      'gatewayProxy',
      SIGNED_IN,
      message({ gateway_path: text() }),
      { endpoints: listOf(ANY) },
      async () => NO_GATEWAY,
    ),
  ),
  // What clients of 3.x ask before anything else; no workspaces here.
  {
    ...route(
      'GET',
      '/mlflow/server-info',
      'getServerInfo',
      SIGNED_IN,
      message({}),
      { store_type: TEXT, workspaces_enabled: BOOLEAN },
      async () => ({ store_type: 'SqlStore', workspaces_enabled: false }),
    ),
    version: '3.0',
  },
];
