#!/usr/bin/env bash
# Trains NCLS and MCLAS on built-in synthetic news, writes summaries and scores them.
#
#   make demo                      everything goes to demo/
#   bash examples/demo/run.sh DIR  everything goes to DIR (the package must be installed)
set -euo pipefail

out=${1:-demo}
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
# Both systems are trained at the same time, one thread each: threads that wait for each other on a
# busy machine cost many times what they save.
export OMP_NUM_THREADS=1
log=$out/log
updates=350
mkdir -p "$log"

say() { printf '\n== %s\n' "$*"; }

train() { # LAYOUT
    rm -rf "${out:?}/$1"
    fairseq-train "$out/data-bin" --user-dir "$plugin" --task cross_lingual_summarization \
        --target-layout "$1" --arch mclas_tiny --copy-attention --dropout 0.1 \
        --criterion summary_cross_entropy --label-smoothing 0.1 \
        --optimizer adam --adam-betas '(0.9, 0.98)' --clip-norm 1.0 \
        --lr 3e-3 --lr-scheduler inverse_sqrt --warmup-updates 200 \
        --max-tokens 3000 --max-update $updates --seed 1 --num-workers 0 \
        --save-dir "$out/$1" --no-epoch-checkpoints --no-last-checkpoints \
        --validate-interval 2 --log-format simple --log-interval 10 --cpu \
        > "$log/train-$1.log" 2>&1
}

# How far both trainings are, from their logs: a bar on a terminal, elsewhere a line now and then.
watch_training() {
    local begun=$SECONDS width=30
    while sleep 2; do
        local passed=$((SECONDS - begun)) done_updates=$updates text=""
        for layout in ncls mclas; do
            local last
            last=$(grep -o 'loss=[0-9.]*\|num_updates=[0-9]*' "$log/train-$layout.log" | tail -n 3) || true
            local at=0 loss=
            at=$(sed -n 's/^num_updates=//p' <<< "$last" | tail -n 1)
            loss=$(sed -n 's/^loss=//p' <<< "$last" | head -n 1)
            at=${at:-0}
            if [ "$at" -lt "$done_updates" ]; then done_updates=$at; fi
            text+=" $layout $at/$updates${loss:+ loss $loss}"
        done
        local filled=$((width * done_updates / updates)) left=""
        if [ "$done_updates" -gt 0 ]; then
            left=", $((passed * (updates - done_updates) / done_updates)) s left"
        fi
        if [ -t 1 ]; then
            printf '\r[%-*s]%s, %d s%s   ' "$width" "$(printf '%*s' "$filled" '' | tr ' ' '#')" \
                "$text" "$passed" "$left"
        elif [ $((passed % 30)) -lt 2 ]; then
            printf '%s, %d s%s\n' "${text# }" "$passed" "$left"
        fi
    done
}

summarize() { # LAYOUT
    fairseq-generate "$out/data-bin" --user-dir "$plugin" --task cross_lingual_summarization \
        --path "$out/$1/checkpoint_best.pt" --gen-subset test --scoring rouge --cpu \
        --beam 4 --max-len-b 60 --no-repeat-ngram-size 3 --batch-size 50 \
        > "$log/generate-$1.log" 2>&1
    mclas extract --log "$log/generate-$1.log" --data "$out/data-bin" -o "$out/$1.jsonl"
}

look() { # LAYOUT: what each word of the shown summaries was written from, for the page
    mclas summarize --checkpoint "$out/$1/checkpoint_best.pt" --data "$out/data-bin" --cpu \
        --beam 4 --max-len-b 60 --no-repeat-ngram-size 3 -i "$log/shown.jsonl" \
        -o "$log/shown-$1.jsonl" --attention "$log/attention-$1.jsonl" > "$log/look-$1.log" 2>&1
}

both() { # COMMAND: runs it for ncls and mclas side by side, fails if one of them fails
    "$1" ncls &
    local first=$!
    "$1" mclas &
    local second=$!
    local failed=0
    wait "$first" || failed=1
    wait "$second" || failed=1
    [ "$failed" -eq 0 ] || { echo "demo: $1 failed; the reason is in $log/" >&2; exit 1; }
}

say "1/5 synthetic news: English reports with English and German summaries"
mclas synthetic --setting easy --train 3000 --valid 200 --test 200 --seed 1 \
    --out "$out/news" --overwrite

say "2/5 data-bin (log: $log/prepare.log)"
mclas prepare --source-lang en --target-lang de --train "$out/news/train.jsonl" \
    --valid "$out/news/valid.jsonl" --test "$out/news/test.jsonl" --out "$out/data-bin" \
    --tokenizer bpe --vocab-size 800 --overwrite 2> "$log/prepare.log"

say "3/5 training NCLS and MCLAS, $updates updates each (logs: $log/train-*.log)"
: > "$log/train-ncls.log"
: > "$log/train-mclas.log"
watch_training &
watcher=$!
trap 'kill "$watcher" 2>/dev/null || true' EXIT
both train
kill "$watcher"
wait "$watcher" 2>/dev/null || true
[ -t 1 ] && printf '\n'
for layout in ncls mclas; do
    printf '%s: ' "$layout"
    grep -F '| valid |' "$log/train-$layout.log" | tail -n 1 | sed "s/.*subset | //; s/ | wps.*//"
done

say "4/5 summaries of the test documents (logs: $log/generate-*.log)"
both summarize

say "5/5 German summaries beside summaries that need no summarizer (synthetic data)"
head -n 8 "$out/news/test.jsonl" > "$log/shown.jsonl"
both look
mclas report --train "$out/news/train.jsonl" --ref "$out/news/test.jsonl" \
    --source-lang en --lang de --system "NCLS=$out/ncls.jsonl" --system "MCLAS=$out/mclas.jsonl" \
    --margin 15 --examples 3 --json "$out/report.json" \
    --html "$out/report.html" --html-documents 8 \
    --curves "NCLS=$log/train-ncls.log" --curves "MCLAS=$log/train-mclas.log" \
    --attention "NCLS=$log/attention-ncls.jsonl" --attention "MCLAS=$log/attention-mclas.jsonl"

say "written to $out/: news/ (corpus), data-bin/, ncls/ and mclas/ (checkpoints)," \
    "ncls.jsonl and mclas.jsonl (summaries), report.json, log/"
say "open $out/report.html: table, curves, examples, and what each word of a summary looked at"
