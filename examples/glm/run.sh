#!/usr/bin/env bash
# mGLM from raw text to a matrix of languages, on built-in synthetic news; see README.md beside this.
#
#   bash examples/glm/run.sh DIR   everything goes to DIR (the package must be installed)
set -euo pipefail

out=${1:-glm-example}
here=$(cd "$(dirname "$0")" && pwd)
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
pretraining_updates=${PRETRAINING_UPDATES:-300}
tuning_updates=${TUNING_UPDATES:-400}
export OMP_NUM_THREADS=1 # threads that wait for each other on a busy machine cost more than they save
mkdir -p "$out/log"

say() { printf '\n== %s\n' "$*"; }

logged() { # NAME WORDS...: a command, what it tells beside its result in a file, shown when it fails
    local log=$out/log/$1.log
    shift
    "$@" 2> "$log" || { tail -n 20 "$log" >&2; exit 1; }
}

train() { # NAME UPDATES WORDS...: fairseq-train, its log in a file
    local name=$1 updates=$2
    shift 2
    rm -rf "${out:?}/$name"
    fairseq-train "$@" --user-dir "$plugin" --arch glm_tiny --criterion glm_cross_entropy \
        --optimizer adam --adam-betas '(0.9, 0.98)' --clip-norm 1.0 --dropout 0 --attention-dropout 0 \
        --lr-scheduler polynomial_decay --warmup-updates 40 --total-num-update "$updates" \
        --max-update "$updates" --seed 1 --num-workers 0 --cpu --log-format simple --log-interval 50 \
        --no-epoch-checkpoints --save-dir "$out/$name" > "$out/log/$name.log" 2>&1 \
        || { tail -n 20 "$out/log/$name.log"; exit 1; }
    grep -o "valid on .*" "$out/log/$name.log" | tail -n 1 | sed 's/ | wps.*//'
}

say "records and raw text"
mclas synthetic --setting easy --train 2000 --valid 100 --test 100 --out "$out/news" --overwrite
python "$here/raw_text.py" "$out/news/train.jsonl" "$out/raw"

say "raw text to a data-bin"
logged prepare-text mclas prepare-text --text en="$out/raw/en.txt" de="$out/raw/de.txt" zh="$out/raw/zh.txt" \
    --vocab-size 2000 --out "$out/text" --plot "$out/shares.png" --overwrite

say "pretraining: blanks are filled in, $pretraining_updates updates"
train pretrained "$pretraining_updates" "$out/text" --task glm_pretraining --lr 3e-3 \
    --tokens-per-sample 96 --batch-size 32 --valid-samples 10

say "fine-tuning: English documents, German summaries behind a prompt, $tuning_updates updates"
logged prepare mclas prepare --source-lang en --target-lang de,zh --like "$out/text" \
    --train "$out/news/train.jsonl" --valid "$out/news/valid.jsonl" --test "$out/news/test.jsonl" \
    --out "$out/records" --overwrite > "$out/log/records.txt"
train tuned "$tuning_updates" "$out/records" --task glm_seq2seq --target-lang de --lr 2e-3 \
    --label-smoothing 0.1 --batch-size 32 --finetune-from-model "$out/pretrained/checkpoint_last.pt"

say "three summaries of test documents"
head -n 3 "$out/news/test.jsonl" \
    | logged summarize mclas summarize --checkpoint "$out/tuned/checkpoint_best.pt" \
        --data "$out/records" --beam 4 --max-len-b 40 --cpu

say "from three languages into two: German was trained, English was not"
logged transfer mclas transfer --checkpoint "$out/tuned/checkpoint_best.pt" --data "$out/records" \
    --source-langs en,de,zh --target-langs de,en --split test --documents 60 --cpu \
    --beam 2 --max-len-b 40 --json "$out/transfer.json" --plot "$out/transfer.png"

say "plots: $out/shares.png, $out/transfer.png"
