#!/usr/bin/env bash
# mGLM on built-in text: pretraining on three languages, fine-tuning on English documents with German
# summaries, then all pairs of languages. About five minutes of one core.
#
#   bash examples/glm/run.sh DIR     everything goes to DIR (the package must be installed)
set -euo pipefail

out=${1:-glm-example}
here=$(cd "$(dirname "$0")" && pwd)
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
export OMP_NUM_THREADS=1
pretraining=${PRETRAINING_UPDATES:-600}
tuning=${TUNING_UPDATES:-500}
mkdir -p "$out/raw" "$out/log"

say() { printf '\n== %s\n' "$*"; }

train() { # NAME FLAGS...
    local name=$1
    shift
    rm -rf "${out:?}/$name"
    fairseq-train "$@" --user-dir "$plugin" --arch glm_tiny --dropout 0.1 \
        --criterion glm_cross_entropy --optimizer adam --adam-betas '(0.9, 0.98)' --clip-norm 1.0 \
        --lr-scheduler polynomial_decay --warmup-updates 50 --seed 1 --num-workers 0 --cpu \
        --save-dir "$out/$name" --no-epoch-checkpoints --validate-interval 1000 \
        --log-format simple --log-interval 50 > "$out/log/$name.log" 2>&1 ||
        { tail -n 5 "$out/log/$name.log" >&2; exit 1; }
    grep -o 'valid on .*' "$out/log/$name.log" | tail -n 1 | cut -c 1-200 || true
}

say "1. Records in English, German and Chinese, and their documents as raw text"
mclas synthetic --setting easy --train 2000 --valid 100 --test 100 --seed 1 --out "$out/records" \
    --overwrite > "$out/log/records.log" 2>&1
python "$here/raw_text.py" "$out/records/train.jsonl" "$out/raw"

say "2. A data-bin of raw text"
mclas prepare-text --text "en=$out/raw/en.txt" "de=$out/raw/de.txt" "zh=$out/raw/zh.txt" \
    --vocab-size 1200 --out "$out/text" --overwrite --plot "$out/shares.png" \
    2> "$out/log/prepare-text.log"

say "3. Pretraining: $pretraining updates of blank infilling"
train pretrained "$out/text" --task glm_pretraining --tokens-per-sample 96 --batch-size 24 \
    --lr 3e-3 --max-update "$pretraining" --total-num-update "$pretraining" --valid-samples 8

say "4. Fine-tuning: English documents, German summaries behind a prompt, $tuning updates"
mclas prepare --source-lang en --target-lang de,zh --like "$out/text" \
    --train "$out/records/train.jsonl" --valid "$out/records/valid.jsonl" \
    --test "$out/records/test.jsonl" --out "$out/data-bin" --overwrite \
    > "$out/log/prepare.log" 2>&1
train tuned "$out/data-bin" --task glm_seq2seq --target-lang de --label-smoothing 0.1 \
    --lr 1e-3 --batch-size 24 --max-update "$tuning" --total-num-update "$tuning" \
    --finetune-from-model "$out/pretrained/checkpoint_last.pt"

say "5. Summaries of three documents"
head -n 3 "$out/records/test.jsonl" |
    mclas summarize --checkpoint "$out/tuned/checkpoint_last.pt" --data "$out/data-bin" \
        --max-len-b 30 --cpu 2> "$out/log/summarize.log"

say "6. All pairs of languages: what was trained, and what a prompt alone brings about"
mclas transfer --checkpoint "$out/tuned/checkpoint_last.pt" --data "$out/data-bin" \
    --source-langs en,de,zh --target-langs de,en --split test --max-len-b 30 --cpu \
    --json "$out/transfer.json" --plot "$out/transfer.png" 2> "$out/log/transfer.log"
printf '\nA heat map is in %s.\n' "$out/transfer.png"
