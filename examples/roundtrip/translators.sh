#!/usr/bin/env bash
# Two small translators, English to German and back, for the round trip.
#
#   bash examples/roundtrip/translators.sh DATA OUT [UPDATES [DIRECTIONS]]
#
# DATA holds tatoeba/, multi30k/ and xscitldr/. OUT gets text/ (pieces, bpecodes), bin/, and a folder
# for each direction, en-de/ and de-en/, with model.pt, dict.en.txt, dict.de.txt and bpecodes: what
# `mclas roundtrip --forward fairseq:OUT/en-de/model.pt` reads. Stopped and started again, it goes on.
# About half an hour a direction on one core.
set -euo pipefail

data=${1:?folder with tatoeba/, multi30k/ and xscitldr/}
out=${2:?folder for text, data and translators}
updates=${3:-1500}
directions=${4:-en-de de-en}
here=$(cd "$(dirname "$0")" && pwd)
xscitldr=$here/../xscitldr
mkdir -p "$out"

[ -e "$out/pairs.jsonl" ] || python "$xscitldr/sentence_pairs.py" "$data/xscitldr/train.jsonl.gz" \
    "$out/pairs.jsonl" --lang de --exclude-ids "$xscitldr/overlap.txt"
[ -e "$out/text/bpecodes" ] || python "$here/translator_text.py" "$data" "$out/pairs.jsonl" "$out/text"
if [ ! -e "$out/bin/done" ]; then
    rm -rf "$out/bin"
    fairseq-preprocess -s en -t de --trainpref "$out/text/train" --validpref "$out/text/valid" \
        --joined-dictionary --destdir "$out/bin" --workers 2 > "$out/preprocess.log" 2>&1
    touch "$out/bin/done"
fi

. "$here/../bf16.sh"
for direction in $directions; do
    [ -e "$out/$direction/model.pt" ] && continue
    python "$here/train_translator.py" "$out/bin" -s "${direction%-*}" -t "${direction#*-}" \
        --arch transformer --share-all-embeddings --encoder-layers 3 --decoder-layers 3 \
        --encoder-embed-dim 256 --decoder-embed-dim 256 --encoder-attention-heads 4 \
        --decoder-attention-heads 4 --encoder-ffn-embed-dim 1024 --decoder-ffn-embed-dim 1024 \
        --encoder-normalize-before --decoder-normalize-before --dropout 0.1 \
        --criterion label_smoothed_cross_entropy --label-smoothing 0.1 --optimizer adam \
        --adam-betas '(0.9,0.98)' --clip-norm 1.0 --lr 2e-3 --lr-scheduler inverse_sqrt \
        --warmup-updates 300 --max-tokens 4096 --max-update "$updates" --seed 1 --num-workers 0 \
        --cpu "${bf16[@]}" --save-dir "$out/$direction" --no-epoch-checkpoints \
        --save-interval-updates 250 --keep-interval-updates 3 --validate-interval-updates 250 \
        --log-format simple --log-interval 50 >> "$out/$direction.log" 2>&1
    cp "$out/bin/dict.en.txt" "$out/bin/dict.de.txt" "$out/text/bpecodes" "$out/$direction/"
    cp "$out/$direction/checkpoint_best.pt" "$out/$direction/model.pt.new"
    mv "$out/$direction/model.pt.new" "$out/$direction/model.pt" # last: says that all is there
done
