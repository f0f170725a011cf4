export { Type } from 'typebox';
export type { CardBlock, CardCell } from '../core/card-block.ts';
export type { ReportEntry } from '../core/events.ts';
export { RecipeError } from '../core/recipe-error.ts';
export { type CardContext, type CardDefinition, defineCard } from '../step/define-card.ts';
export type { InputSpec, OutputSpec, StepContext, StepDefinition } from '../step/define-step.ts';
export { defineStep } from '../step/define-step.ts';
export { oneOf } from '../step/one-of.ts';
