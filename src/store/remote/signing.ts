import type { KeyObject } from 'node:crypto';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  sign,
  verify,
} from 'node:crypto';
import { canonicalJson } from '../../core/canonical-json.ts';
import type { Json } from '../../core/json.ts';
import { RecipeError } from '../../core/recipe-error.ts';
import type { Result } from '../results.ts';

/** Who wrote a result, and that it is as it was written. */
export interface Signature {
  /** Id of the key. */
  readonly key: string;
  /** Base64 of 64 bytes, Ed25519 (RFC 8032). */
  readonly value: string;
}

/** Whose results a reader takes: `any`, signed or not, or of these keys only. */
export type Accepted = 'any' | ReadonlyMap<string, KeyObject>;

const [PUBLIC, PRIVATE] = ['ed25519:', 'ed25519-private:'] as const;
/** What PKCS #8 and SubjectPublicKeyInfo have before the 32 bytes of an Ed25519 key (RFC 8410). */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const SPKI = Buffer.from('302a300506032b6570032100', 'hex');
const KEY_BYTES = 32;

/** A new key: what its owner keeps, and what readers list. */
export function newKey(): { readonly privateKey: string; readonly publicKey: string } {
  const { privateKey } = generateKeyPairSync('ed25519');
  const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(PKCS8.length);
  return {
    privateKey: PRIVATE + seed.toString('base64'),
    publicKey: publicText(createPublicKey(privateKey)),
  };
}

/** Signs results with a private key. */
export class Signer {
  /** As readers list it: `ed25519:…`. */
  readonly publicKey: string;
  readonly #id: string;
  readonly #key: KeyObject;

  /** @throws RecipeError SIGNING_KEY_INVALID; its message does not hold the key */
  constructor(text: string) {
    const seed = keyBytes(text.trim(), PRIVATE);
    if (seed === undefined) throw new RecipeError('SIGNING_KEY_INVALID', undefined);
    this.#key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' });
    const publicKey = createPublicKey(this.#key);
    this.publicKey = publicText(publicKey);
    this.#id = idOf(publicKey);
  }

  sign(result: Result): Result {
    const value = sign(null, Buffer.from(signedText(result, this.#id)), this.#key).toString('base64');
    return { ...result, signature: { key: this.#id, value } };
  }
}

/**
 * The keys of a list.
 *
 * @throws RecipeError ACCEPTED_KEY_INVALID
 */
export function acceptedKeys(keys: readonly string[]): Accepted {
  if (keys.includes('any')) return 'any';
  return new Map(
    keys.map((text) => {
      const bytes = keyBytes(text, PUBLIC);
      if (bytes === undefined) throw new RecipeError('ACCEPTED_KEY_INVALID', { key: text });
      const key = createPublicKey({ key: Buffer.concat([SPKI, bytes]), format: 'der', type: 'spki' });
      return [idOf(key), key];
    }),
  );
}

/**
 * Whether results signed with this public key's are taken.
 *
 * @throws RecipeError ACCEPTED_KEY_INVALID
 */
export function accepts(accepted: Accepted, key: string): boolean {
  if (accepted === 'any') return true;
  const listed = acceptedKeys([key]);
  return listed !== 'any' && [...listed.keys()].every((id) => accepted.has(id));
}

/** Whether a result was written by somebody whose results are taken, and is as they wrote it. */
export function isAccepted(result: Result, accepted: Accepted): boolean {
  if (accepted === 'any') return true;
  const { signature } = result;
  if (typeof signature?.key !== 'string' || typeof signature.value !== 'string') return false;
  const key = accepted.get(signature.key);
  if (key === undefined) return false;
  const text = Buffer.from(signedText(result, signature.key));
  return verify(null, text, key, Buffer.from(signature.value, 'base64'));
}

/** All of a result but the signature's value: also when it was made, which decides whether it has lapsed. */
function signedText(result: Result, key: string): string {
  return canonicalJson({ ...result, signature: { key } } as unknown as Json);
}

function publicText(key: KeyObject): string {
  return PUBLIC + rawOf(key).toString('base64');
}

function idOf(key: KeyObject): string {
  return createHash('sha256').update(rawOf(key)).digest('hex').slice(0, 16);
}

function rawOf(key: KeyObject): Buffer {
  return key.export({ format: 'der', type: 'spki' }).subarray(SPKI.length);
}

function keyBytes(text: string, prefix: string): Buffer | undefined {
  if (!text.startsWith(prefix)) return undefined;
  const bytes = Buffer.from(text.slice(prefix.length), 'base64');
  return bytes.length === KEY_BYTES ? bytes : undefined;
}
