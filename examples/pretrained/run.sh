#!/usr/bin/env bash
# What masked-word pretraining brings: MCLAS, English to German, on xscitldr's training triples, with
# a pretrained encoder and with the same encoder randomly initialised.
#
#   bash examples/pretrained/run.sh DATA OUT [SEEDS [ENCODERS]]
#
# DATA holds papers/, xscitldr/, tatoeba/ and multi30k/; OUT gets encoders, data-bin, checkpoints and
# logs. SEEDS: "1 2 3"; ENCODERS: "random pretrained". Each finished cell is a row of
# studies/results/pretrained.csv, which a rerun skips; delete one to run it again. Only validation is
# looked at. Budget: UPDATES of
# pretraining (default 10000, 25 to 35 minutes of one core) and STEPS of each training (default 400). What
# was stopped goes on where it was. When all cells are there, the row "comparison" is added.
set -euo pipefail

data=${1:?folder with papers/, xscitldr/, tatoeba/ and multi30k/}
out=${2:?folder for encoders, data-bin, checkpoints and logs}
seeds=${3:-1 2 3}
encoders=${4:-random pretrained}
updates=${UPDATES:-10000}
steps=${STEPS:-400}
here=$(cd "$(dirname "$0")" && pwd)
overlap=$here/../xscitldr/overlap.txt
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1} TOKENIZERS_PARALLELISM=false
mkdir -p "$out/log"
. "$here/../cells.sh"

say() { printf '== %s\n' "$*"; }

if [[ " $encoders " == *" pretrained "* && ! -e "$out/pretrained/pretraining.json" ]]; then
    say "pretraining, $updates updates (log: $out/log/pretraining.log)"
    python "$here/pretrain_masked.py" "$data" "$out/pretrained" --updates "$updates" \
        --exclude-ids "$overlap" >> "$out/log/pretraining.log" 2>&1
    cells keep pretrained pretraining "$out/pretrained/pretraining.json"
fi
if [ ! -e "$out/random/pretraining.json" ]; then # the same vocabulary, other weights
    vocabulary=$out/pretrained/vocab.txt
    python "$here/pretrain_masked.py" "$data" "$out/random" --updates 0 --vocab "$vocabulary" \
        > "$out/log/random.log" 2>&1
fi
[ -e "$out/bin/manifest.json" ] || mclas prepare --source-lang en --target-lang de \
    --pretrained "$out/random" --train "$data/xscitldr/train.jsonl.gz" \
    --valid "$data/xscitldr/valid.jsonl.gz" --exclude-ids "$overlap" --out "$out/bin" \
    > "$out/log/prepare.log" 2>&1

search=(--beam 4 --lenpen 2 --max-len-b 60 --no-repeat-ngram-size 3)
greedy='{"beam": 1, "max_len_b": 50, "no_repeat_ngram_size": 3}'
for seed in $seeds; do
    for encoder in $encoders; do
        name=$encoder-seed$seed
        cells have pretrained "$name" && continue
        say "$name: $steps updates (log: $out/log/$name.log)"
        fairseq-train "$out/bin" --user-dir "$plugin" --task cross_lingual_summarization \
            --target-layout mclas --arch mclas_tiny --copy-attention \
            --pretrained-encoder "$out/$encoder" --max-source-positions 192 --dropout 0.1 \
            --criterion summary_cross_entropy --label-smoothing 0.1 --optimizer adam \
            --adam-betas '(0.9, 0.98)' --clip-norm 1.0 --lr 2e-3 --lr-scheduler inverse_sqrt \
            --warmup-updates 100 --max-tokens 4096 --max-update "$steps" --seed "$seed" \
            --num-workers 0 --save-dir "$out/$name" --no-epoch-checkpoints \
            --save-interval-updates $((steps / 2)) --keep-interval-updates 1 \
            --validate-interval-updates $((steps / 2)) --validate-interval 1000 \
            --eval-rouge --eval-rouge-documents 60 --eval-rouge-args "$greedy" \
            --best-checkpoint-metric rouge1 --maximize-best-checkpoint-metric --cpu \
            --log-format simple --log-interval 50 >> "$out/log/$name.log" 2>&1
        mclas summarize --checkpoint "$out/$name/checkpoint_best.pt" --data "$out/bin" --cpu \
            "${search[@]}" -i "$data/xscitldr/valid.jsonl.gz" -o "$out/$name.jsonl" \
            >> "$out/log/$name.log" 2>&1
        mclas report --train "$data/xscitldr/train.jsonl.gz" \
            --ref "$data/xscitldr/valid.jsonl.gz" --source-lang en --lang de \
            --system "$name=$out/$name.jsonl" --json "$out/$name.json" > "$out/$name.txt" 2>&1
        cells keep pretrained "$name" "$out/$name.json" --validations "$out/log/$name.log"
    done
done

pretrained=() random=()
for seed in $seeds; do
    for encoder in random pretrained; do
        [ -e "$out/$encoder-seed$seed.jsonl" ] || exit 0 # the rest is still to come
    done
    pretrained+=("$out/pretrained-seed$seed.jsonl")
    random+=("$out/random-seed$seed.jsonl")
done
mclas score --hyp "${pretrained[@]}" --compare "${random[@]}" \
    --ref "$data/xscitldr/valid.jsonl.gz" --lang de --json "$out/comparison.json"
cells keep pretrained comparison "$out/comparison.json"
