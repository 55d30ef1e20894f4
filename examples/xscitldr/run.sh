#!/usr/bin/env bash
# English to German on real scientific abstracts, with 1,983 training triples: MS pre-training on
# 46,000 abstracts, then NCLS and MCLAS fine-tuned from it and trained from scratch.
#
#   bash examples/xscitldr/run.sh DATA OUT [SEED [CELLS]]
#
# CELLS chooses among them, e.g. "mclas-from-ms ncls-from-ms" (default: all). The "long" cells see
# the sentence pairs 1,500 instead of 600 updates long. "data" makes the data-bins and stops, "ms"
# stops after the monolingual summarizer. DATA holds xscitldr/{train,valid,test}.jsonl.gz and
# papers/train.jsonl.gz (see README.md). OUT gets data-bins, checkpoints and logs. Each finished cell
# is a row of studies/results/xscitldr.csv, which a rerun skips; delete one to run it again. Only
# validation is looked at: test.sh opens the test split. Trainings that were stopped go on where they
# were.
set -euo pipefail

data=${1:?folder with xscitldr/ and papers/}
out=${2:?folder for data-bins, checkpoints and logs}
seed=${3:-1}
every="ncls-from-ms mclas-from-ms ncls-from-scratch mclas-from-scratch"
every="$every ncls-from-ms-long mclas-from-ms-long"
chosen=${4:-$every}
here=$(cd "$(dirname "$0")" && pwd)
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
threads=${OMP_NUM_THREADS:-$(python -c 'import os; print(os.cpu_count())')}
export OMP_NUM_THREADS=$threads
mkdir -p "$out/log"

. "$here/../bf16.sh"
. "$here/../cells.sh"
# What all systems share. Lower-cased text: titles, abstracts and TLDRs differ in case only.
common=(--user-dir "$plugin" --task cross_lingual_summarization --arch mclas_small
    --copy-attention --max-source-positions 256 --criterion summary_cross_entropy
    --label-smoothing 0.1 --optimizer adam --adam-betas '(0.9,0.98)' --clip-norm 1.0
    --lr-scheduler inverse_sqrt --max-tokens 4096 --seed "$seed" --num-workers 0 --cpu "${bf16[@]}"
    --log-format simple --log-interval 50 --no-epoch-checkpoints --eval-rouge
    --best-checkpoint-metric rouge1 --maximize-best-checkpoint-metric)
greedy='{"beam": 1, "max_len_b": 50, "no_repeat_ngram_size": 3}'
search=(--beam 5 --lenpen 2 --max-len-b 60 --no-repeat-ngram-size 3 --batch-size 32)

say() { printf '== %s\n' "$*"; }

prepare() { # NAME TRAINING-FILES...
    local name=$1
    shift
    [ -e "$out/$name/manifest.json" ] && return
    say "data-bin $name"
    mclas prepare --source-lang en --target-lang de --train "$@" \
        --valid "$data/xscitldr/valid.jsonl.gz" --test "$data/xscitldr/test.jsonl.gz" \
        --exclude-ids "$here/overlap.txt" --out "$out/$name" --workers "$threads" \
        "${tokenizer[@]}" 2> "$out/log/prepare-$name.log"
}

train() { # NAME DATA-BIN LAYOUT FLAGS...
    local name=$1 bin=$2 layout=$3
    shift 3
    [ -e "$out/$name/done" ] && return
    say "training $name (log: $out/log/$name.log)"
    fairseq-train "$out/$bin" "${common[@]}" --target-layout "$layout" --save-dir "$out/$name" \
        "$@" >> "$out/log/$name.log" 2>&1
    touch "$out/$name/done"
}

[ -e "$out/key-sentences.jsonl" ] ||
    python "$here/key_sentences.py" "$data/papers/train.jsonl.gz" "$out/key-sentences.jsonl"
[ -e "$out/pairs.jsonl" ] || python "$here/sentence_pairs.py" "$data/xscitldr/train.jsonl.gz" \
    "$out/pairs.jsonl" --lang de --exclude-ids "$here/overlap.txt"
triples=$data/xscitldr/train.jsonl.gz
tokenizer=(--vocab-size 8000 --lowercase)
prepare pretrain "$triples" "$out/key-sentences.jsonl" "$out/pairs.jsonl"
tokenizer=(--like "$out/pretrain")
prepare warm "$triples" "$out/pairs.jsonl"
prepare triples "$triples"
[ "$chosen" != data ] || exit 0

train ms pretrain ms --lr 1e-3 --warmup-updates 400 --max-update 3000 --dropout 0.0 \
    --save-interval-updates 250 --keep-interval-updates 1 --validate-interval-updates 1000 \
    --eval-rouge-documents 50 --eval-rouge-args "$greedy"
[ "$chosen" != ms ] || exit 0

# NAME LAYOUT UPDATES FLAGS...: sentence pairs and triples for so many updates, then the triples
# alone, then the validation summaries and their scores.
cell() {
    local name=$1 layout=$2 updates=$3
    shift 3
    train "$name-warm" warm "$layout" "$@" --lr 7e-4 --warmup-updates 100 \
        --max-update "$updates" --dropout 0.1 --save-interval-updates 200 \
        --keep-interval-updates 1 --validate-interval-updates 400 --eval-rouge-documents 50 \
        --eval-rouge-args "$greedy"
    train "$name" triples "$layout" --finetune-from-model "$out/$name-warm/checkpoint_last.pt" \
        --lr 4e-4 --warmup-updates 50 --max-update 400 --dropout 0.2 \
        --save-interval-updates 100 --keep-interval-updates 1 --validate-interval-updates 100 \
        --eval-rouge-documents 150 --eval-rouge-args "$greedy"
    say "validation summaries of $name"
    fairseq-generate "$out/warm" --user-dir "$plugin" --task cross_lingual_summarization \
        --path "$out/$name/checkpoint_best.pt" --gen-subset valid --cpu "${search[@]}" \
        > "$out/log/$name.valid.log" 2>&1
    mclas extract --log "$out/log/$name.valid.log" --data "$out/warm" -o "$out/$name.valid.jsonl"
    mclas report --train "$triples" --ref "$data/xscitldr/valid.jsonl.gz" --source-lang en \
        --lang de --system "$name=$out/$name.valid.jsonl" --json "$out/$name.valid.json"
    local logs=("$out/log/$name-warm.log" "$out/log/$name.log")
    case $name in *-from-ms*) logs=("$out/log/ms.log" "${logs[@]}") ;; esac
    cells keep xscitldr "$name" "$out/$name.valid.json" --seed "$seed" --stages "${logs[@]}"
}

for choice in $chosen; do
    name=$choice-seed$seed
    cells have xscitldr "$name" && continue
    layout=${choice%%-*}
    case $choice in
        *-from-scratch) cell "$name" "$layout" 600 ;;
        *-from-ms) cell "$name" "$layout" 600 --finetune-from-model "$out/ms/checkpoint_best.pt" ;;
        *-from-ms-long) # goes on where the short one stopped on the sentence pairs
            short=$out/$layout-from-ms-seed$seed-warm/checkpoint_last.pt
            mkdir -p "$out/$name-warm"
            [ -e "$out/$name-warm/checkpoint_last.pt" ] || cp "$short" "$out/$name-warm/"
            cell "$name" "$layout" 1500
            ;;
        *) echo "run.sh: no cell is called $choice" >&2 && exit 2 ;;
    esac
done
