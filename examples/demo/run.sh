#!/usr/bin/env bash
# Trains NCLS and MCLAS on built-in synthetic news, writes summaries and scores them.
#
#   make demo                      everything goes to demo/
#   bash examples/demo/run.sh DIR  everything goes to DIR (the package must be installed)
set -euo pipefail

out=${1:-demo}
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
if [ -z "${OMP_NUM_THREADS:-}" ]; then
    OMP_NUM_THREADS=$(python -c 'import os; print(min(2, os.cpu_count() or 1))')
fi
export OMP_NUM_THREADS
log=$out/log
mkdir -p "$log"

say() { printf '\n== %s\n' "$*"; }

say "1/5 synthetic news: English reports with English and German summaries"
mclas synthetic --setting easy --train 3000 --valid 200 --test 200 --seed 1 \
    --out "$out/news" --overwrite

say "2/5 data-bin (log: $log/prepare.log)"
mclas prepare --source-lang en --target-lang de --train "$out/news/train.jsonl" \
    --valid "$out/news/valid.jsonl" --test "$out/news/test.jsonl" --out "$out/data-bin" \
    --tokenizer bpe --vocab-size 800 --overwrite 2> "$log/prepare.log"

for layout in ncls mclas; do
    say "3/5 training $layout, 500 updates (log: $log/train-$layout.log)"
    rm -rf "$out/$layout"
    fairseq-train "$out/data-bin" --user-dir "$plugin" --task cross_lingual_summarization \
        --target-layout "$layout" --arch mclas_tiny --copy-attention --dropout 0.1 \
        --criterion summary_cross_entropy --label-smoothing 0.1 \
        --optimizer adam --adam-betas '(0.9, 0.98)' --clip-norm 1.0 \
        --lr 3e-3 --lr-scheduler inverse_sqrt --warmup-updates 200 \
        --max-tokens 3000 --max-update 500 --seed 1 --num-workers 0 \
        --save-dir "$out/$layout" --no-epoch-checkpoints --no-last-checkpoints \
        --validate-interval 2 --log-format simple --log-interval 100 --cpu \
        > "$log/train-$layout.log" 2>&1
    grep -E '\| (valid|train) \|' "$log/train-$layout.log" | tail -n 2 | cut -c 23-160

    say "4/5 summaries of the test documents by $layout (log: $log/generate-$layout.log)"
    fairseq-generate "$out/data-bin" --user-dir "$plugin" --task cross_lingual_summarization \
        --path "$out/$layout/checkpoint_best.pt" --gen-subset test --scoring rouge --cpu \
        --beam 4 --max-len-b 60 --no-repeat-ngram-size 3 --batch-size 50 \
        > "$log/generate-$layout.log" 2>&1
    mclas extract --log "$log/generate-$layout.log" --data "$out/data-bin" -o "$out/$layout.jsonl"
done

say "5/5 German summaries beside summaries that need no summarizer (synthetic data)"
mclas report --train "$out/news/train.jsonl" --ref "$out/news/test.jsonl" \
    --source-lang en --lang de --system "NCLS=$out/ncls.jsonl" --system "MCLAS=$out/mclas.jsonl" \
    --margin 15 --examples 3 --json "$out/report.json"

say "written to $out/: news/ (corpus), data-bin/, ncls/ and mclas/ (checkpoints)," \
    "ncls.jsonl and mclas.jsonl (summaries), report.json, log/"
