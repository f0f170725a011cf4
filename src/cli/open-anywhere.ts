import { Project } from '../compose.ts';
import { findProject } from '../recipe/address.ts';
import { addressesOf } from './addresses-of.ts';
import { type Context, type Parsed, text } from './context.ts';

/** The project that the working folder lies in, or that folder itself: for what needs only a registry. */
export async function openAnywhere(options: Parsed['options'], context: Context): Promise<Project> {
  const dir = findProject(context.cwd) ?? context.cwd;
  const project = new Project(dir, context, addressesOf(options));
  await project.useProfile(text(options, 'profile'));
  return project;
}
