#!/usr/bin/env bash
# mclas heads rank and mclas heads prune --sweep on MCLAS of 2,500 package descriptions, seed 1.
#
#   bash studies/heads/sweep.sh OUT DDTP/it [--draws 20] [--ks 1,2,3] [--seed 1] [--paper-code-compat]
#
# DDTP/it is the folder of `python -m studies.ddtp run DDTP --corpus it`. The test split stays closed: of its
# validation documents the even ones choose k, the odd ones test. Rows are in OUT/rows*/sweep.csv; what is there is not made again.
set -euo pipefail
out=$1 ddtp=$2
shift 2
checkpoint=$ddtp/it_2500_mclas_from-ms_seed1_lr2e-3/checkpoint_best.pt
mkdir -p "$out"
if [ ! -e "$out/halves" ]; then
    awk -v out="$out" '{ print > (out (NR % 2 ? "/valid.jsonl" : "/test.jsonl")) }' "$ddtp/records/valid.jsonl"
    mclas prepare --source-lang en --target-lang it --train "$ddtp/records/train.jsonl" \
        --valid "$out/valid.jsonl" --test "$out/test.jsonl" --like "$ddtp/bins/triples" --out "$out/halves"
fi
common=(--checkpoint "$checkpoint" --data "$out/halves" --documents 300)
[ -e "$out/ranking.csv" ] || mclas heads rank "${common[@]}" --csv "$out/ranking.csv" --plot "$out/ranking.png"
# The triples that the system was trained on: 2,500, drawn by seed 1.
triples="--train-subset-size 2500 --subset-seed 1"
# Settings of a sweep belong to its folder: other ks, draws or masks get one of their own.
rows=$out/rows$(printf '%s' "$@" | tr -c 'a-z0-9' '-')
mclas heads prune "${common[@]}" --ranking "$out/ranking.csv" --batch-size 32 --sweep "$rows" "$@" --fine-tuning \
    "$triples --target-layout mclas --arch mclas_small --copy-attention --encoder-layers 2 --decoder-layers 2 \
--encoder-ffn-embed-dim 512 --decoder-ffn-embed-dim 512 --dropout 0.2 --criterion summary_cross_entropy \
--label-smoothing 0.1 --optimizer adam --adam-betas (0.9,0.98) --clip-norm 1.0 --lr 3e-4 --lr-scheduler fixed \
--max-tokens 2048 --max-source-positions 128 --cpu --num-workers 0 --max-update 40 \
--best-checkpoint-metric cls_nll_loss --no-epoch-checkpoints --no-last-checkpoints --seed 1 \
--log-format simple --log-interval 20"
