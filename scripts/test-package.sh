#!/usr/bin/env bash
# Packs the package, installs the tarball into an empty project, and runs a recipe there.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cd "$root"
npm run --silent build
npx --no-install publint --strict
npm pack --silent --pack-destination "$work" >/dev/null
if tar -tzf "$work"/stockpot-*.tgz | grep -E '^package/(test|bench|\.ci)/'; then
  echo 'the tarball holds tests or benchmarks' >&2
  exit 1
fi
mkdir "$work/project"
cd "$work/project"
echo '{ "private": true, "type": "module" }' >package.json
npm install --silent --no-progress "$work"/stockpot-*.tgz
printf 'x,y\n' >data.csv
for n in $(seq 1 200); do echo "$n,$((n * 3 % 17))" >>data.csv; done
cat >recipe.yaml <<'RECIPE'
template: regression/v1
target_col: y
steps:
  ingest: { location: ./data.csv }
  train: { max_iterations: 5 }
  register: { model_name: packed, alias: first }
RECIPE
npx --no-install recipe --version
npx --no-install recipe run
npx --no-install recipe run | tail -n 1 | grep -q '^6 cached'
npx --no-install recipe doctor
node --input-type=module -e "import { startRun } from 'stockpot/client'; await startRun({ env: {} }).catch(({ message }) => console.log(message))" |
  grep -q '^Set MLFLOW_TRACKING_URI'
npx --no-install recipe track -- node -e 'console.log(process.env.MLFLOW_RUN_ID)' | grep -qE '^[0-9a-f]{32}$'
echo 'the packed package works'
