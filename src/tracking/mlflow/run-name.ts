const ADJECTIVES =
  'able bold brave bright brisk calm clever crisp eager fair fleet fond glad grand keen kind lively lucky merry mild neat noble patient proud quick quiet rapid ready sharp silent smooth spry stout sunny swift tidy vivid warm wise zesty'.split(
    ' ',
  );
const NOUNS =
  'ant bass bat bear bee crab crane crow deer dove duck eel elk finch fox frog goat gull hare hawk heron ibis jay koi lark lynx mink mole moth newt owl pike quail ram rook seal shad shrew skink sloth smelt snail sole stag stork swan tern toad trout vole wasp whale wolf wren yak'.split(
    ' ',
  );

/** MLflow's shape of a name for a run that has none, `keen-heron-482`; `random` gives numbers from 0 to below 1. */
export function newRunName(random: () => number): string {
  const one = (words: readonly string[]): string => words[Math.floor(random() * words.length)] ?? 'run';
  return `${one(ADJECTIVES)}-${one(NOUNS)}-${Math.floor(random() * 1000)}`;
}
