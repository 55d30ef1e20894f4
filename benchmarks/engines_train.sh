#!/usr/bin/env bash
# Trains the three models without copying that benchmarks.engines compares, one thread each.
#
#   bash benchmarks/engines_train.sh OUT [DDTP]
#
# news: MCLAS, English to German, synthetic. many: MCLAS, English to German and Chinese, synthetic.
# ddtp: MCLAS, English to Italian, package descriptions, started from the monolingual summarizer;
# DDTP is the folder OUT/it of `python -m studies.ddtp run OUT` (its data-bin and its MS), without
# which this model is left out. A model that is there is not trained again.
set -euo pipefail

out=$1
ddtp=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
source "$here/../examples/bf16.sh"
export OMP_NUM_THREADS=1
mkdir -p "$out"

train() { # NAME DATA UPDATES FLAGS...
    local name=$1 data=$2 updates=$3
    shift 3
    [ -e "$out/$name/checkpoint_last.pt" ] && return
    fairseq-train "$data" --user-dir "$plugin" --task cross_lingual_summarization \
        --target-layout mclas --criterion summary_cross_entropy --label-smoothing 0.1 \
        --optimizer adam --adam-betas '(0.9, 0.98)' --clip-norm 1.0 --lr-scheduler inverse_sqrt \
        --seed 1 --num-workers 0 --disable-validation --no-epoch-checkpoints --cpu \
        "${bf16[@]}" --max-update "$updates" --save-dir "$out/$name" --log-format simple \
        --log-interval 25 "$@" > "$out/$name.log" 2>&1
}

prepare() { # NAME LANGUAGES VOCABULARY
    [ -e "$out/$1-bin" ] && return
    mclas prepare --source-lang en --target-lang "$2" --train "$out/corpus/train.jsonl" \
        --valid "$out/corpus/valid.jsonl" --test "$out/corpus/test.jsonl" --out "$out/$1-bin" \
        --tokenizer bpe --vocab-size "$3" > "$out/$1-bin.log" 2>&1
}

[ -e "$out/corpus" ] || mclas synthetic --setting easy --train 3000 --valid 200 --test 600 \
    --seed 1 --out "$out/corpus"
prepare news de 800
prepare many de,zh 1600
tiny=(--arch mclas_tiny --dropout 0.1 --lr 3e-3 --warmup-updates 200 --max-tokens 3000)
train news "$out/news-bin" 350 "${tiny[@]}"
if [ -n "$ddtp" ]; then
    mkdir -p "$out/ms"
    [ -e "$out/ms/uncopied.pt" ] || {
        cp "$ddtp/ms/checkpoint_best.pt" "$out/ms/"
        python -c "from pathlib import Path; from studies.ddtp.uncopied import without_copying
without_copying(Path('$out/ms/checkpoint_best.pt'))"
    }
    # The sizes of the monolingual summarizer, see studies/ddtp/cells.py.
    train ddtp "$ddtp/bins/triples" 500 --arch mclas_small --encoder-layers 2 --decoder-layers 2 \
        --encoder-ffn-embed-dim 512 --decoder-ffn-embed-dim 512 --dropout 0.2 --lr 5e-4 \
        --warmup-updates 200 --max-tokens 2048 --max-source-positions 128 \
        --finetune-from-model "$out/ms/uncopied.pt"
fi
train many "$out/many-bin" 500 "${tiny[@]}" --target-langs de,zh
