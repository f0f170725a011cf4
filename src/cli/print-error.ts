import { ExitCode } from '../core/exit-code.ts';
import { hasCode, RecipeError } from '../core/recipe-error.ts';
import { isDamaged } from '../db/sqlite.ts';
import { safeText } from '../report/text/safe-text.ts';
import { BlobDamaged } from '../store/blobs.ts';

/** An error as the user sees it, and what the process exits with. */
export function describeError(error: unknown, { json }: { json: boolean }): { text: string; exit: ExitCode } {
  // What went wrong first, not what cleaning up ran into afterwards.
  if (error instanceof SuppressedError) return describeError(error.suppressed, { json });
  const known = asRecipeError(error);
  if (known === undefined) {
    const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
    const message = error instanceof Error ? error.message : String(error);
    if (json)
      return {
        text: `${JSON.stringify({ type: 'error', code: 'INTERNAL', message, stack })}\n`,
        exit: ExitCode.internal,
      };
    const title = message.startsWith('Internal error') ? '' : 'Internal error: ';
    return {
      text: `${title}${stack}\n\nThis is a bug in Stockpot. Please report it with the lines above.\n`,
      exit: ExitCode.internal,
    };
  }
  const { code, at, frame, hint, exit } = known;
  const message = redact(known.message);
  if (json)
    return {
      text: `${JSON.stringify({ type: 'error', code, message, ...(at === undefined ? {} : { at }), ...(hint === undefined ? {} : { hint }) })}\n`,
      exit,
    };
  const place = at === undefined ? '' : `${at.file}:${at.line}:${at.column}: `;
  const lines = [`error: ${place}${message} [${code}]`];
  if (frame !== undefined)
    lines.push(
      '',
      ...redact(frame)
        .split('\n')
        .map((line) => `  ${line}`),
      '',
    );
  if (hint !== undefined) lines.push(`  ${hint}`);
  return { text: `${safeText(lines.join('\n'))}\n`, exit };
}

/** What the disk says is the user's to mend, wherever it came up. */
function asRecipeError(error: unknown): RecipeError | undefined {
  if (error instanceof RecipeError) return error;
  const path = error instanceof Error && 'path' in error ? String(error.path) : '.stockpot';
  if (hasCode(error, 'ENOSPC') || hasCode(error, 'EDQUOT'))
    return new RecipeError('DISK_FULL', { path }, { cause: error });
  if (hasCode(error, 'EACCES') || hasCode(error, 'EROFS'))
    return new RecipeError('HOME_READ_ONLY', { path }, { cause: error });
  if (error instanceof BlobDamaged)
    return new RecipeError('BLOB_DAMAGED', { digest: error.digest, damage: error.damage }, { cause: error });
  const problem = error instanceof Error ? error.message : String(error);
  if (hasCode(error, 'EIO')) return new RecipeError('DISK_FAILED', { path, problem }, { cause: error });
  if (isDamaged(error)) return new RecipeError('DATABASE_DAMAGED', { problem }, { cause: error });
  // SQLite says the same in its own numbers: 8 is READONLY, 13 FULL, 10 any failure of the disk, of which
  // those of the shared memory's size (19) and of a write (3) mean a full one.
  const sqlite = error instanceof Error && 'errcode' in error ? Number(error.errcode) : undefined;
  if (sqlite === undefined) return undefined;
  if ([13, 10 + 256 * 3, 10 + 256 * 19].includes(sqlite))
    return new RecipeError('DISK_FULL', { path }, { cause: error });
  if ((sqlite & 0xff) === 8) return new RecipeError('HOME_READ_ONLY', { path }, { cause: error });
  if ((sqlite & 0xff) === 10) return new RecipeError('DISK_FAILED', { path, problem }, { cause: error });
  return undefined;
}

/** A password in an address is nobody's business. */
function redact(text: string): string {
  return text.replaceAll(/(:\/\/[^/\s:@]*:)[^/\s@]+@/g, '$1***@');
}
