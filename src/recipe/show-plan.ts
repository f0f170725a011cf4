import { Document, isCollection, isNode } from 'yaml';
import type { Plan } from '../core/plan.ts';
import { ejected } from './eject.ts';
import type { Origin } from './origins.ts';

/** The resolved recipe, each value followed by where it came from. It is a recipe itself, but for what its head says. */
export function showPlan(plan: Plan, origins: readonly Origin[]): string {
  const document = new Document(ejected(plan));
  const head = [` ${plan.file}${of('template', plan.template)}${of('profile', plan.profile)}`];
  for (const origin of origins) {
    const node = document.getIn(origin.path, true);
    if (isNode(node)) {
      if (isCollection(node)) node.flow = true;
      node.comment = ` ${placeText(origin)}`;
    } else head.push(` ${origin.path.join('.')}: ${JSON.stringify(origin.value)}   ${placeText(origin)}`);
  }
  document.commentBefore = head.map((line) => line.replaceAll(/[\r\n]/g, ' ')).join('\n');
  return document.toString({ lineWidth: 0 });
}

function of(what: string, name: string | undefined): string {
  return name === undefined ? '' : `, ${what} ${name}`;
}

function placeText({ from, at, of: owner }: Origin): string {
  if (at === undefined) return `default of ${owner ?? 'the engine'}`;
  return from === 'set' ? at.file : `${at.file}:${at.line}:${at.column}`;
}
