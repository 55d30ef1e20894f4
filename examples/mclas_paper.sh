# The settings of Bai et al. (2021) for their three corpora; sourced by mclas_*/run.sh, not run.
# shellcheck shell=bash
#
# run.sh sets source, target and the numbers of triples of the four scenarios (Table 1), and calls
# paper_recipe "$@".

set -euo pipefail

paper_usage() {
    sed -n '2,/^[^#]/{/^#/!d; s/^# \{0,1\}//; p}' "$0"
}

# RECORDS OUT SCENARIO SYSTEMS
paper_recipe() {
    case ${1:-} in -h | --help | "") paper_usage && exit 0 ;; esac
    local records=$1 out=${2:?folder for data-bin, checkpoints and summaries}
    local scenario=${3:-maximum} systems=${4:-mclas ncls ncls_ms}
    local seed=${SEED:-1} encoder=${ENCODER:-bert-base-multilingual-uncased}
    local ms_updates=${MS_UPDATES:-100000} updates=${UPDATES:-50000}
    local size=${triples[$scenario]?scenario must be minimum, medium, maximum or full}
    local plugin
    plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
    mkdir -p "$out/log"

    # Section 5.2. The released code has peaks of 0.005 / sqrt(10000) and 0.2 / sqrt(5000), Adam's
    # usual betas, no clipping and no decay; targets are smoothed by 0.1.
    local common=(--user-dir "$plugin" --task cross_lingual_summarization
        --pretrained-encoder "$encoder" --dropout 0.1
        --criterion summary_cross_entropy --label-smoothing 0.1
        --optimizer grouped_adam --adam-betas '(0.9, 0.999)' --adam-eps 1e-9
        --lr-scheduler grouped_inverse_sqrt --lr 2.83e-3 --warmup-updates 5000
        --encoder-lr 5e-5 --encoder-warmup-updates 10000
        --update-freq 5 --max-tokens 4096 --max-source-positions 511 --seed "$seed"
        --save-interval-updates 1000 --validate-interval-updates 1000 --keep-interval-updates 2
        --no-epoch-checkpoints --log-format simple --log-interval 100)
    [ -z "${FLAGS:-}" ] || read -r -a extra <<< "$FLAGS"
    common+=("${extra[@]}")

    [ -e "$out/data-bin/manifest.json" ] || mclas prepare --source-lang "$source" \
        --target-lang "$target" --pretrained "$encoder" --train "$records"/train.jsonl* \
        --valid "$records"/valid.jsonl* --test "$records"/test.jsonl* --out "$out/data-bin" \
        --workers "${WORKERS:-1}"

    paper_train ms mclas_mbert ms "$ms_updates" --best-checkpoint-metric ms_nll_loss
    local system arch
    for system in $systems; do
        case $system in
            ncls_ms) arch=ncls_ms_mbert ;;
            mclas | ncls) arch=mclas_mbert ;;
            *) echo "$0: no system is called $system: mclas, ncls, ncls_ms" >&2 && exit 2 ;;
        esac
        local subset=()
        [ "$scenario" = full ] || subset=(--train-subset-size "$size" --subset-seed "$seed")
        paper_train "$system-$scenario-seed$seed" "$arch" "$system" "$updates" "${subset[@]}" \
            --finetune-from-model "$out/ms/checkpoint_best.pt" \
            --best-checkpoint-metric cls_nll_loss
        paper_score "$system-$scenario-seed$seed"
    done
}

paper_train() { # NAME ARCHITECTURE LAYOUT UPDATES FLAGS...
    local name=$1 arch=$2 layout=$3 most=$4
    shift 4
    [ -e "$out/$name/done" ] && return
    echo "== training $name (log: $out/log/$name.log)"
    fairseq-train "$out/data-bin" "${common[@]}" --arch "$arch" --target-layout "$layout" \
        --max-update "$most" --save-dir "$out/$name" "$@" >> "$out/log/$name.log" 2>&1
    touch "$out/$name/done"
}

# Beam 5 and blocked trigrams. The paper's length penalty lies between 0.6 and 1: choose it on
# validation (SPLIT=valid LENPEN=0.6, 0.8, 1), then open the test split.
paper_score() { # NAME
    local name=$1 split=${SPLIT:-test} records_file
    records_file=$(ls "$records/$split".jsonl*)
    mclas summarize --checkpoint "$out/$name/checkpoint_best.pt" --data "$out/data-bin" \
        --beam 5 --no-repeat-ngram-size 3 --length-penalty gnmt --lenpen "${LENPEN:-0.8}" \
        --max-len-b "${MAX_LEN:-100}" -i "$records_file" -o "$out/$name.$split.jsonl"
    local protocol
    for protocol in default mclas; do
        local vocabulary=()
        [ "$protocol" != mclas ] || vocabulary=(--tokenizer "$out/data-bin/tokenizer")
        mclas score --hyp "$out/$name.$split.jsonl" --ref "$records_file" --lang "$target" \
            --protocol "$protocol" "${vocabulary[@]}" --json "$out/$name.$split.$protocol.json"
    done
}
