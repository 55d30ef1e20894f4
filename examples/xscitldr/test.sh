#!/usr/bin/env bash
# Opens the test split: once, for all systems that run.sh has finished, with its settings.
#
#   bash examples/xscitldr/test.sh DATA OUT [SEED]
set -euo pipefail

data=${1:?folder with xscitldr/}
out=${2:?folder that run.sh filled}
seed=${3:-1}
here=$(cd "$(dirname "$0")" && pwd)
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
cell=$here/cells/test-seed$seed.json
[ -e "$cell" ] && { echo "test split: opened before, see $cell"; exit 0; }

systems=()
for finished in "$here"/cells/*-from-*-seed"$seed".json; do
    name=$(basename "$finished" .json)
    fairseq-generate "$out/warm" --user-dir "$plugin" --task cross_lingual_summarization \
        --path "$out/$name/checkpoint_best.pt" --gen-subset test --cpu --beam 5 --lenpen 2 --max-len-b 60 \
        --no-repeat-ngram-size 3 --batch-size 32 > "$out/log/$name.test.log" 2>&1
    mclas extract --log "$out/log/$name.test.log" --data "$out/warm" -o "$out/$name.test.jsonl"
    systems+=(--system "$name=$out/$name.test.jsonl")
done
mclas report --train "$data/xscitldr/train.jsonl.gz" --ref "$data/xscitldr/test.jsonl.gz" \
    --source-lang en --lang de "${systems[@]}" --examples 20 --json "$out/test.json" \
    | tee "$out/test.txt"
python "$here/cell.py" "test-seed$seed" --report "$out/test.json" --seed "$seed" --out "$cell"
