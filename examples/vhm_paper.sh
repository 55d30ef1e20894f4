#!/usr/bin/env bash
# Zh2EnSum or En2ZhSum with the settings of Liang et al. (2022), Appendix A: TNCLS, MT-MS-CLS, VHM.
#
#   bash examples/vhm_paper.sh PAIR RECORDS MT OUT [SYSTEMS]
#   bash examples/vhm_paper.sh zh2en prepared/records mt/records runs/zh2en "mt_ms_cls vhm"
#
# PAIR is zh2en or en2zh. RECORDS holds {train,valid,test}.jsonl[.gz], as preprocess/ncls.sh makes them
# from the published files: their summaries in the documents' language are the MS corpus. MT holds
# train.jsonl[.gz], translation pairs as preprocess/mt.sh makes them (the paper: 2.08 million of LDC).
# SYSTEMS: "tncls mt_ms_cls vhm" (default), and ats_a: TNCLS that copies translations by a lexicon made
# of MT (Zhu et al. 2020). OUT gets data-bin, checkpoints, logs and summaries.
# The environment sets SEED, SIZE (base; small or tiny to try it), VOCAB (50000), UPDATES (800000) and
# ANNEALING (400000), SPLIT (test), MAX_LEN, WORKERS, and FLAGS for fairseq-train, e.g. FLAGS="--bf16",
# or an ablation of Table 5, FLAGS="--latents ms,cls". Finished steps are not redone; what was stopped
# goes on where it was.
set -euo pipefail

case ${1:-} in
    -h | --help | "") sed -n '2,/^[^#]/{/^#/!d; s/^# \{0,1\}//; p}' "$0" && exit 0 ;;
    zh2en) source=zh target=en ;;
    en2zh) source=en target=zh ;;
    *) echo "$0: PAIR must be zh2en or en2zh, but is $1" >&2 && exit 2 ;;
esac
records=${2:?folder with train, valid and test records}
mt=${3:?folder with translation pairs, train.jsonl}
out=${4:?folder for data-bin, checkpoints and summaries}
systems=${5:-tncls mt_ms_cls vhm}
seed=${SEED:-1} size=${SIZE:-base} split=${SPLIT:-test}
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
mkdir -p "$out/log"

# Tags tell the encoder which task a text is for, as the released code has them.
[ -e "$out/data-bin/manifest.json" ] || mclas prepare --source-lang "$source" \
    --target-lang "$target" --train "$records"/train.jsonl* "$mt"/train.jsonl* \
    --valid "$records"/valid.jsonl* --test "$records"/test.jsonl* --task-tags \
    --vocab-size "${VOCAB:-50000}" --out "$out/data-bin" --workers "${WORKERS:-1}"

# Appendix A: base size, latent variables of 128, about 4,096 tokens a batch, Adam's betas, 800,000
# updates, lambda from 0 to 1 over 400,000. It follows Zhu et al. (2019) in the rest: their warm-up of
# 8,000 with the peak 512^-0.5 * 8000^-0.5. Dropout and smoothing, which neither names, are those of
# Vaswani et al. (2017).
common=(--user-dir "$plugin" --task multitask_summarization --criterion vhm_elbo
    --max-tokens 4096 --dropout 0.1 --label-smoothing 0.1
    --optimizer adam --adam-betas '(0.9, 0.998)' --adam-eps 1e-9
    --lr-scheduler inverse_sqrt --lr 4.94e-4 --warmup-updates 8000
    --max-update "${UPDATES:-800000}" --seed "$seed" --best-checkpoint-metric cls_bound
    --save-interval-updates 2000 --validate-interval-updates 2000 --keep-interval-updates 2
    --no-epoch-checkpoints --log-format simple --log-interval 100)
extra=()
[ -z "${FLAGS:-}" ] || read -r -a extra <<< "$FLAGS"

train() { # NAME FLAGS...
    local name=$1
    shift
    [ -e "$out/$name/done" ] && return
    echo "== training $name (log: $out/log/$name.log)"
    fairseq-train "$out/data-bin" "${common[@]}" --save-dir "$out/$name" "$@" "${extra[@]}" \
        >> "$out/log/$name.log" 2>&1
    touch "$out/$name/done"
}

# Beam 4 and length penalty 0.6.
score() { # NAME
    local file
    file=$(ls "$records/$split".jsonl*)
    mclas summarize --checkpoint "$out/$1/checkpoint_best.pt" --data "$out/data-bin" --beam 4 \
        --length-penalty gnmt --lenpen 0.6 --max-len-b "${MAX_LEN:-150}" -i "$file" \
        -o "$out/$1.$split.jsonl"
    mclas score --hyp "$out/$1.$split.jsonl" --ref "$file" --lang "$target" \
        --json "$out/$1.$split.json"
}

for system in $systems; do
    name=$system-seed$seed
    case $system in
        tncls) train "$name" --arch "tncls_$size" --train-tasks cls ;;
        ats_a)
            [ -e "$out/lexicon.jsonl" ] || mclas lexicon --data "$out/data-bin" \
                --parallel "$mt"/train.jsonl* --target-lang "$target" --out "$out/lexicon.jsonl"
            train "$name" --arch "tncls_$size" --train-tasks cls \
                --translated-copying adaptive --lexicon "$out/lexicon.jsonl"
            ;;
        mt_ms_cls) train "$name" --arch "mt_ms_cls_$size" --train-tasks mt,ms,cls ;;
        vhm) train "$name" --arch "vhm_$size" --train-tasks mt,ms,cls \
            --kl-annealing linear --kl-annealing-updates "${ANNEALING:-400000}" ;;
        *) echo "$0: no system is called $system: tncls, ats_a, mt_ms_cls, vhm" >&2 && exit 2 ;;
    esac
    score "$name"
    [ "$system" != vhm ] || mclas latents --checkpoint "$out/$name/checkpoint_best.pt" \
        --data "$out/data-bin" --json "$out/$name.latents.json"
done
