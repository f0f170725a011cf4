import type { Addresses } from '../core/plan.ts';
import { placeName, placesOf } from '../tracking/places.ts';
import { addressesOf } from './addresses-of.ts';
import { type Parsed, text } from './context.ts';

/**
 * The options by which a command line said where runs are kept, for a command to type next: with a space before each,
 * as a shell reads them, and without passwords.
 */
export function placeOptions(options: Parsed['options']): string {
  const { tracking, database } = addressesOf(options);
  const profile = text(options, 'profile');
  const words = [
    ...(tracking === undefined ? [] : ['--tracking', named({ tracking })]),
    ...(database === undefined ? [] : ['--database', named({ database })]),
    ...(profile === undefined ? [] : ['--profile', profile]),
  ];
  return words.map((word) => ` ${quoted(word)}`).join('');
}

function named(flags: Addresses): string {
  return placeName(placesOf({ flags, env: {}, profile: {} }).tracking) ?? '';
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
