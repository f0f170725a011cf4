import { Project } from '../compose.ts';
import { findProject } from '../recipe/address.ts';
import type { Context } from './context.ts';

/** The project that the working folder lies in, for commands about its cache and its runs. */
export function openProject(context: Context): Project {
  return Project.open(findProject(context.cwd) ?? context.cwd, context);
}
