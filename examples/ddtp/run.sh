#!/usr/bin/env bash
# Package descriptions to Italian (or another language's) synopses that people wrote: a monolingual
# summarizer on all English descriptions, then MCLAS from it on those with both synopses.
#
#   bash examples/ddtp/run.sh MIRROR OUT [LANG]
#
# MIRROR is as dists/RELEASE/main of a Debian mirror (preprocess/ddtp.sh --help says how to fetch
# it). OUT gets records, data-bin, checkpoints, logs, the summaries of the validation split and what
# `mclas report` says of them. Finished steps are not redone, and a stopped training goes on.
# UPDATES is the most updates of a training (default: 12000); each ends when validation has.
set -euo pipefail

mirror=${1:?folder with binary-amd64/ and i18n/}
out=${2:?folder for everything that is made}
language=${3:-it}
updates=${UPDATES:-12000}
here=$(cd "$(dirname "$0")" && pwd)
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
. "$here/../bf16.sh"
mkdir -p "$out/log"

bash "$here/../../preprocess/ddtp.sh" --data "$mirror" --target-lang "$language" --out "$out" \
    --vocab-size "${VOCAB_SIZE:-8000}"

train() { # NAME METRIC FLAGS...: the best checkpoint by METRIC, until it has not fallen four times
    local name=$1 metric=$2
    shift 2
    [ -e "$out/$name/done" ] && return
    echo "== training $name (log: $out/log/$name.log)"
    fairseq-train "$out/data-bin" --user-dir "$plugin" --task cross_lingual_summarization \
        --arch mclas_small --encoder-layers 2 --decoder-layers 2 --encoder-ffn-embed-dim 512 \
        --decoder-ffn-embed-dim 512 --copy-attention --dropout 0.2 --max-source-positions 128 \
        --criterion summary_cross_entropy --label-smoothing 0.1 --optimizer adam \
        --adam-betas '(0.9,0.98)' --clip-norm 1.0 --lr 1e-3 --lr-scheduler inverse_sqrt \
        --warmup-updates 400 --max-tokens 2048 --max-update "$updates" --cpu "${bf16[@]}" \
        --num-workers 0 --log-format simple --log-interval 50 --no-epoch-checkpoints \
        --validate-interval 1000000 --validate-interval-updates 250 --save-interval-updates 250 \
        --keep-interval-updates 1 --best-checkpoint-metric "$metric" --patience 4 \
        --save-dir "$out/$name" "$@" >> "$out/log/$name.log" 2>&1
    touch "$out/$name/done"
}

train ms ms_nll_loss --target-layout ms
train mclas cls_nll_loss --target-layout mclas \
    --finetune-from-model "$out/ms/checkpoint_best.pt"

valid=$out/descriptions/records/valid.jsonl.gz
[ -e "$out/valid.jsonl" ] || {
    mclas summarize --cpu --checkpoint "$out/mclas/checkpoint_best.pt" --data "$out/data-bin" \
        --beam 5 --max-len-b 30 --no-repeat-ngram-size 3 --batch-size 64 \
        -i "$valid" -o "$out/valid.new" 2> "$out/log/summarize.log"
    mv "$out/valid.new" "$out/valid.jsonl"
}
mclas report --system "MCLAS=$out/valid.jsonl" --ref "$valid" --source-lang en --lang "$language" \
    --train "$out/descriptions/records/train.jsonl.gz" --examples 5 | tee "$out/report.txt"
