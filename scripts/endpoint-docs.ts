import { ROUTES } from '../src/server/create-server.ts';
import type { Route } from '../src/server/route.ts';

/** The table of endpoints in docs/mlflow-compatibility.md. */
export function endpointTable(): string {
  const rows = ROUTES.map(
    ({ method, version, path, rpc, policy }) =>
      `| ${method} | \`${version}${path.replace('{+', '{')}\` | ${rpc} | ${needsOf(policy)} |`,
  );
  return ['| method | path | call | needs |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

/** The page with its table as it is now. */
export function withEndpoints(page: string): string {
  return page.replace(/\| method \| path \|[^]*?\n(?!\|)/, `${endpointTable()}\n`);
}

function needsOf(policy: Route['policy']): string {
  switch (policy.kind) {
    case 'public':
      return 'nothing';
    case 'permission':
      return policy.permission;
    case 'role':
      if (typeof policy.role !== 'string') return 'oneself, or an admin';
      return policy.role === 'viewer' ? 'a user' : `a${policy.role === 'admin' ? 'n' : ''} ${policy.role}`;
  }
}
