import { PERMISSIONS, ROLES, SCOPES } from '../../tracking/access/permission.ts';
import { BOOLEAN, INTEGER, listOf, oneOf, optional, orNull, part, type Shapes, TEXT } from './shape.ts';

const ROLE = oneOf(ROLES);
const SCOPE = oneOf(SCOPES);
const PERMISSION = oneOf(PERMISSIONS);

export const EXPERIMENT_PERMISSION = part('ExperimentPermission', {
  experiment_id: TEXT,
  user_id: INTEGER,
  permission: PERMISSION,
});

export const REGISTERED_MODEL_PERMISSION = part('RegisteredModelPermission', {
  name: TEXT,
  user_id: INTEGER,
  permission: PERMISSION,
});

/** Without an id where nobody signs in; a list of users says no permissions. */
export const USER = part('User', {
  id: optional(INTEGER),
  username: TEXT,
  is_admin: BOOLEAN,
  experiment_permissions: optional(listOf(EXPERIMENT_PERMISSION)),
  registered_model_permissions: optional(listOf(REGISTERED_MODEL_PERMISSION)),
});

/** Who asks; where nobody signs in, without what signing in says. */
export const IDENTITY: Shapes = {
  username: TEXT,
  role: ROLE,
  scope: optional(SCOPE),
  principals: optional(listOf(TEXT)),
  token_id: optional(INTEGER),
  signed_in: BOOLEAN,
};

export const TOKEN = part('Token', {
  id: INTEGER,
  kind: oneOf(['api', 'session', 'setup']),
  username: orNull(TEXT),
  name: TEXT,
  scope: SCOPE,
  created_at: INTEGER,
  expires_at: orNull(INTEGER),
  used_at: orNull(INTEGER),
});

export const GROUP = part('Group', { name: TEXT, role: orNull(ROLE), members: listOf(TEXT) });
export const GRANT = part('Grant', { principal: TEXT, permission: PERMISSION });
