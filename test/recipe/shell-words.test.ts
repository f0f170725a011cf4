import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { ShellWords } from '../../src/recipe/shell-words.ts';

/** Whether a value may stand at each `@` of a script. */
function allowed(script: string): boolean[] {
  const words = new ShellWords();
  const [first = '', ...rest] = script.split('@');
  words.feed(first);
  return rest.map((after) => {
    const may = words.mayBeginWord();
    words.value();
    words.feed(`"\${S}"${after}`);
    return may;
  });
}

describe('a value may be a whole word of a simple command', () => {
  test.each([
    'echo @',
    'echo @ @',
    'echo a; echo @ | sort > @',
    'if test -n @; then echo @; fi',
    'if [ @ = x ]; then echo; fi',
    'x=1 echo @',
    '( echo @ )',
    'y=$(echo @)',
    'echo "a b" \'c\' @',
    "echo $'it\\'s' @",
    'echo ${x:-"a b"} @',
    'echo "$(date "+%s")" @',
    'echo $((1 + 2)) @',
    '((1 < 2)) && echo @',
    '[[ -n $x ]] && echo @',
    'echo a[0] @',
    'a=(1 2) && echo @',
    'case $x in a) echo @;; esac',
    'for f in @; do echo $f; done',
    'f() { echo @; }',
    'echo # it is "\necho @',
    "printf '%s\\n' @",
    'echo a\\\n  @',
    'cat <<< @',
    'a=( @ b @ ); echo @',
    'cat <(echo @)',
    'for i in @ b; do test @ = a && printf %s @; done',
  ])('%s', (script) => {
    expect(allowed(script)).not.toContain(false);
  });
});

describe('a value may not stand where bash reads text as code', () => {
  test.each([
    'echo "@"',
    "echo '@'",
    'echo x@',
    'echo \\@',
    'echo `echo @`',
    'echo $(( @ ))',
    'echo $(( (1 + 2) * @ ))',
    '(( @ ))',
    'for (( i = 0; i < @ ; i++ )); do echo; done',
    'for((i = 0; i < @ ; i++)); do echo; done',
    'echo $[ @ ]',
    '[[ @ -eq 1 ]]',
    'if [[ $x && @ -eq 1 ]]; then echo; fi',
    'echo ${a[ @ ]}',
    'echo ${x:- @ }',
    'a[ @ ]=1',
    'a=( [ @ ]=1 )',
    'a=( x [ @ ]=1 )',
    'let @',
    'eval @',
    '\\eval @',
    'command eval @',
    'if eval @',
    'declare @',
    'export @',
    'unset @',
    'read @',
    'trap @ EXIT',
    'printf -v @ x',
    'printf @ x',
    'test -v @',
    '[ -v @ ]',
    'echo # @',
    'cat <<EOF\n @\nEOF',
    'echo "$(echo @)"',
    'x=$(case a in a) echo @;; esac)',
    '`',
  ])('%s', (script) => {
    expect(allowed(`${script} @`).slice(0, Math.max(1, script.split('@').length - 1))).toContain(false);
  });
});

describe('what may stand does no more than it says', () => {
  test.each(['echo @', 'test @ = x || true', 'y=$(echo @); echo "$y"', "printf '%s' @", 'cat <<< @'])(
    '%s',
    (script) => {
      const value = 'a[$(echo ran >&2; echo 0)]$(echo ran >&2)`echo ran >&2`; echo ran >&2';
      const stderr = execFileSync(
        'bash',
        ['-c', `exec 2>&1; ${script.replaceAll('@', '"${S}"')} > /dev/null`],
        { env: { S: value, PATH: process.env['PATH'] }, encoding: 'utf8' },
      );
      expect(stderr).not.toMatch(/^ran/m);
    },
  );
});
