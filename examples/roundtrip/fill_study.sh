#!/usr/bin/env bash
# MCLAS on a corpus that was never bilingual: xscitldr with its English summaries hidden, and brought
# back by translating the German ones. NCLS, MCLAS on filled and MCLAS on true English summaries.
#
#   bash examples/roundtrip/fill_study.sh DATA TRANSLATORS MS OUT [CELLS]
#
# MS is the folder that examples/xscitldr/run.sh filled: its monolingual summarizer and its data-bin
# "pretrain" are the start of all systems. TRANSLATORS is what translators.sh made. Each finished cell
# is a row of studies/results/roundtrip.csv, which a rerun skips; the rule that judges them stands in
# docs/results.md. A quarter of an hour a cell on one core.
#
# These small translators keep 114 of 1,983 pairs at T1 = 0.6 and T2 = 0.2; T1 = 0.3 keeps two thirds.
set -euo pipefail

data=${1:?folder with xscitldr/}
translators=${2:?folder of translators.sh}
ms=${3:?folder of examples/xscitldr/run.sh}
out=${4:?folder for corpora, data-bins, checkpoints and logs}
chosen=${5:-ncls mclas-filled mclas-true}
here=$(cd "$(dirname "$0")" && pwd)
xscitldr=$here/../xscitldr
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
mkdir -p "$out"
. "$here/../cells.sh"

[ -e "$out/hidden.jsonl" ] || python "$here/hide_summaries.py" "$data/xscitldr/train.jsonl.gz" \
    --lang en --out "$out/hidden.jsonl" --exclude-ids "$xscitldr/overlap.txt"
[ -e "$out/true.jsonl" ] || python "$here/hide_summaries.py" "$data/xscitldr/train.jsonl.gz" \
    --lang it --out "$out/true.jsonl" --exclude-ids "$xscitldr/overlap.txt"
mclas roundtrip --in "$out/hidden.jsonl" --source-lang en --target-lang de --fill en --clean none \
    --forward "ct2:$translators/en-de/model.pt" --backward "ct2:$translators/de-en/model.pt" \
    --t1 0.3 --t2 0 --out "$out/filled" --shard-lines 500 > "$out/filled.txt" 2> "$out/filled.log"
cells keep roundtrip "fill-trip" "$out/filled/report.json"

prepare() { # NAME TRAINING-FILES...
    local name=$1
    shift
    [ -e "$out/$name" ] || mclas prepare --source-lang en --target-lang de --train "$@" \
        --valid "$data/xscitldr/valid.jsonl.gz" --like "$ms/pretrain" --out "$out/$name" \
        > "$out/$name.txt" 2>&1
}
# The sentence pairs that all systems warm up on; the summaries are not among them.
[ -e "$out/pairs.jsonl" ] || grep -v -E '^\{"id": "[^"]*-0"' "$translators/pairs.jsonl" > "$out/pairs.jsonl"
prepare pairs "$out/pairs.jsonl"
prepare ncls "$out/hidden.jsonl"
prepare mclas-filled "$out/filled/corpus.jsonl"
prepare mclas-true "$out/true.jsonl"

. "$here/../bf16.sh"
common=(--user-dir "$plugin" --task cross_lingual_summarization --arch mclas_small
    --copy-attention --max-source-positions 256 --criterion summary_cross_entropy
    --label-smoothing 0.1 --optimizer adam --adam-betas '(0.9,0.98)' --clip-norm 1.0
    --lr-scheduler inverse_sqrt --max-tokens 4096 --seed 1 --num-workers 0 --cpu "${bf16[@]}"
    --log-format simple --log-interval 50 --no-epoch-checkpoints)
greedy='{"beam": 1, "max_len_b": 50, "no_repeat_ngram_size": 3}'

for name in $chosen; do
    cells have roundtrip "fill-$name" && continue
    layout=${name%%-*}
    if [ ! -e "$out/$layout-warm/done" ]; then
        fairseq-train "$out/pairs" "${common[@]}" --target-layout "$layout" \
            --finetune-from-model "$ms/ms/checkpoint_best.pt" --lr 7e-4 --warmup-updates 50 \
            --max-update 300 --dropout 0.1 --save-interval-updates 100 --keep-interval-updates 1 \
            --disable-validation --save-dir "$out/$layout-warm" >> "$out/$layout-warm.log" 2>&1
        touch "$out/$layout-warm/done"
    fi
    fairseq-train "$out/$name" "${common[@]}" --target-layout "$layout" \
        --finetune-from-model "$out/$layout-warm/checkpoint_last.pt" --lr 4e-4 \
        --warmup-updates 50 --max-update 300 --dropout 0.2 --save-interval-updates 50 \
        --keep-interval-updates 6 --validate-interval-updates 100 --eval-rouge \
        --eval-rouge-documents 150 --eval-rouge-args "$greedy" \
        --best-checkpoint-metric rouge1 --maximize-best-checkpoint-metric \
        --save-dir "$out/$name-run" >> "$out/$name.log" 2>&1
    mclas average --folder "$out/$name-run" --last 4 --out "$out/$name-run/average.pt" \
        >> "$out/$name.log" 2>&1
    for kind in checkpoint_best average; do
        mclas summarize --checkpoint "$out/$name-run/$kind.pt" --data "$out/$name" --cpu \
            --beam 5 --lenpen 2 --max-len-b 60 -i "$data/xscitldr/valid.jsonl.gz" \
            -o "$out/$name-$kind.jsonl" >> "$out/$name.log" 2>&1
    done
    mclas score --hyp "$out/$name-checkpoint_best.jsonl" --compare "$out/$name-average.jsonl" \
        --ref "$data/xscitldr/valid.jsonl.gz" --lang de --json "$out/fill-$name.json"
    cells keep roundtrip "fill-$name" "$out/fill-$name.json"
done

best=()
for name in $chosen; do best+=("$out/$name-checkpoint_best.jsonl"); done
mclas score --hyp "${best[1]}" --compare "${best[0]}" --compare "${best[@]:2}" \
    --ref "$data/xscitldr/valid.jsonl.gz" --lang de --json "$out/fill-comparison.json"
cells keep roundtrip "fill-comparison" "$out/fill-comparison.json"
