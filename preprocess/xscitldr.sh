#!/usr/bin/env bash
# X-SCITLDR (Takeshita et al. 2022) beside SciTLDR (Cachola et al. 2020) to a data-bin.
#
#   bash preprocess/xscitldr.sh --scitldr FOLDER --xscitldr FOLDER --target-lang de,zh --out FOLDER
#
#   --scitldr FOLDER     SciTLDR-A: train.jsonl, dev.jsonl, test.jsonl; lines with source (sentences),
#                        target (summaries), paper_id and title
#   --xscitldr FOLDER    X-SCITLDR's data: postedit/LANG/{train,val,test}.jsonl, lines with source and
#                        target in the order of SciTLDR; abst_mt/LANG/{train,val}.target, the abstracts
#                        translated by machine, are used when they are there
#   --target-lang LANGS  of de, it and zh, with commas between
#   --out FOLDER         gets records/ and data-bin/
#   --vocab-size N       pieces to learn (default: 8000)
#   --workers N          processes (default: 1)
#
# Line n of both must be the same abstract, which is checked. Finished steps are not redone.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=preprocess/common.sh
. "$here/common.sh"

known="scitldr xscitldr target-lang out vocab-size workers" switches=""
scitldr="" xscitldr="" target_lang="" out="" vocab_size=8000 workers=1
parse "$@"
need --scitldr "$scitldr" && need --xscitldr "$xscitldr" && need --target-lang "$target_lang"
need --out "$out"

same_options "$out"
mkdir -p "$out/records"
flags=()
for split in train valid test; do
    english=$scitldr/${split/valid/dev}.jsonl
    need_file "$english"
    others=()
    for language in ${target_lang//,/ }; do
        file=$xscitldr/postedit/$language/${split/valid/val}.jsonl
        need_file "$file"
        same_count "$english" "$file"
        others+=(--summary "$language=$file")
        translated=$xscitldr/abst_mt/$language/${split/valid/val}.target
        if [ -f "$translated" ]; then
            same_count "$english" "$translated"
            others+=(--translation "$language=$translated")
        fi
    done
    step "$out/records/$split.jsonl.gz" python "$here/records.py" xscitldr "$english" \
        "${others[@]}" --out OUT
    flags+=("--$split" "$out/records/$split.jsonl.gz")
done
data_bin "$out/data-bin" --source-lang en --target-lang "$target_lang" "${flags[@]}" \
    --dedup --vocab-size "$vocab_size" --workers "$workers"
for split in train valid test; do say "$split: $(count "$out/records/$split.jsonl.gz") documents"; done
