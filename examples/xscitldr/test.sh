#!/usr/bin/env bash
# Opens the test split: once, for all systems that run.sh has finished, with its settings.
#
#   bash examples/xscitldr/test.sh DATA OUT [SEED]
#
# Adds the rows test-seedSEED (German) and test-en-seedSEED (the English summaries that MCLAS writes
# first) to studies/results/xscitldr.csv; where these exist it does nothing.
set -euo pipefail

data=${1:?folder with xscitldr/}
out=${2:?folder that run.sh filled}
seed=${3:-1}
here=$(cd "$(dirname "$0")" && pwd)
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
. "$here/../cells.sh"
if cells have xscitldr "test-seed$seed"; then
    echo "test split: opened before, see row test-seed$seed of studies/results/xscitldr.csv"
    exit 0
fi

generate() { # NAME
    [ -e "$out/$1.test.jsonl" ] && return
    fairseq-generate "$out/warm" --user-dir "$plugin" --task cross_lingual_summarization \
        --path "$out/$1/checkpoint_best.pt" --gen-subset test --cpu --beam 5 --lenpen 2 \
        --max-len-b 60 --no-repeat-ngram-size 3 --batch-size 32 > "$out/log/$1.test.log" 2>&1
    mclas extract --log "$out/log/$1.test.log" --data "$out/warm" -o "$out/$1.test.jsonl"
}

report() { # LANGUAGE CELL-NAME SYSTEMS...
    local language=$1 name=$2
    shift 2
    mclas report --train "$data/xscitldr/train.jsonl.gz" --ref "$data/xscitldr/test.jsonl.gz" \
        --source-lang en --lang "$language" "$@" --examples 20 --json "$out/$name.json" \
        > "$out/$name.txt"
    cells keep xscitldr "$name" "$out/$name.json" --seed "$seed"
}

german=()
english=()
for name in $(cells names xscitldr "from-.*-seed$seed\$"); do
    generate "$name"
    german+=(--system "$name=$out/$name.test.jsonl")
    case $name in mclas-*) english+=(--system "$name=$out/$name.test.jsonl") ;; esac
done
[ ${#english[@]} -eq 0 ] || report en "test-en-seed$seed" "${english[@]}"
report de "test-seed$seed" "${german[@]}"
cat "$out/test-seed$seed.txt"
