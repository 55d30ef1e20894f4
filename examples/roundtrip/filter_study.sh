#!/usr/bin/env bash
# Does the round trip's filter earn its keep? German summaries of synthetic news made by machine:
# NCLS on the pairs that the filter keeps, and on as many random pairs, scored against true German.
#
#   bash examples/roundtrip/filter_study.sh TRANSLATORS OUT [DOCUMENTS [SEEDS]]
#
# TRANSLATORS is what translators.sh made. OUT gets corpora, data-bins, checkpoints and logs. Each
# finished cell is a row of studies/results/roundtrip.csv, which a rerun skips; the rule stands in
# docs/results.md. About two minutes a cell on one core.
set -euo pipefail

translators=${1:?folder of translators.sh}
out=${2:?folder for corpora, data-bins, checkpoints and logs}
documents=${3:-12000}
seeds=${4:-1 2 3}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"
. "$here/../cells.sh"

[ -e "$out/news/train.jsonl" ] ||
    mclas synthetic --setting easy --train "$documents" --valid 300 --test 10 --out "$out/news"
[ -e "$out/hidden.jsonl" ] ||
    python "$here/hide_summaries.py" "$out/news/train.jsonl" --lang de --out "$out/hidden.jsonl"
mclas roundtrip --in "$out/hidden.jsonl" --source-lang en --target-lang de --clean none \
    --forward "ct2:$translators/en-de/model.pt" --backward "ct2:$translators/de-en/model.pt" \
    --out "$out/trip" --shard-lines 1000 > "$out/trip.txt" 2> "$out/trip.log"
if [ ! -e "$out/random.jsonl" ]; then
    cp "$out/trip/corpus.jsonl" "$out/kept.jsonl"
    mclas roundtrip --rescore --clean none --out "$out/trip" --t1 0 --t2 0 > "$out/all.txt" 2>> "$out/trip.log"
    cp "$out/trip/corpus.jsonl" "$out/all.jsonl"
    mclas roundtrip --rescore --clean none --out "$out/trip" --t1 0.6 --t2 0.2 > /dev/null 2>> "$out/trip.log"
    python "$here/draw.py" "$out/all.jsonl" --like "$out/kept.jsonl" --out "$out/random.jsonl"
fi
cells keep roundtrip "filter-trip" "$out/trip/report.json"

# One tokenizer and dictionary for both: learned from all pairs.
if [ ! -e "$out/bin-all" ]; then
    mclas prepare --source-lang en --target-lang de --train "$out/all.jsonl" \
        --valid "$out/news/valid.jsonl" --vocab-size 2000 --out "$out/bin-all" > "$out/bin.log" 2>&1
fi
. "$here/../bf16.sh"
for corpus in kept random; do
    [ -e "$out/bin-$corpus" ] || mclas prepare --source-lang en --target-lang de \
        --train "$out/$corpus.jsonl" --valid "$out/news/valid.jsonl" --like "$out/bin-all" \
        --out "$out/bin-$corpus" >> "$out/bin.log" 2>&1
    for seed in $seeds; do
        name=filter-$corpus-seed$seed
        cells have roundtrip "$name" && continue
        fairseq-train "$out/bin-$corpus" \
            --user-dir "$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')" \
            --task cross_lingual_summarization --target-layout ncls --arch mclas_tiny \
            --copy-attention --dropout 0.1 --criterion summary_cross_entropy \
            --label-smoothing 0.1 --optimizer adam --adam-betas '(0.9, 0.98)' --clip-norm 1.0 \
            --lr 3e-3 --lr-scheduler inverse_sqrt --warmup-updates 50 --max-tokens 3000 \
            --max-update 350 --seed "$seed" --num-workers 0 --save-dir "$out/$name" \
            --no-epoch-checkpoints --validate-interval 100 --disable-validation "${bf16[@]}" --cpu \
            --log-format simple --log-interval 50 > "$out/$name.log" 2>&1
        mclas summarize --checkpoint "$out/$name/checkpoint_last.pt" --data "$out/bin-$corpus" \
            --cpu --beam 4 --max-len-b 40 -i "$out/news/valid.jsonl" -o "$out/$name.jsonl" \
            >> "$out/$name.log" 2>&1
        mclas score --hyp "$out/$name.jsonl" --ref "$out/news/valid.jsonl" --lang de \
            --json "$out/$name.json" > "$out/$name.txt"
        cells keep roundtrip "$name" "$out/$name.json"
    done
done

kept=() random=()
for seed in $seeds; do
    kept+=("$out/filter-kept-seed$seed.jsonl")
    random+=("$out/filter-random-seed$seed.jsonl")
done
mclas score --hyp "${kept[@]}" --compare "${random[@]}" --ref "$out/news/valid.jsonl" --lang de \
    --json "$out/filter-comparison.json"
cells keep roundtrip "filter-comparison" "$out/filter-comparison.json"
