#!/usr/bin/env bash
# CrossSum (Bhattacharjee et al. 2023) to a data-bin: articles in one language, summaries in another.
#
#   bash preprocess/crosssum.sh --data FOLDER --pair english-turkish --source-lang en \
#       --target-lang tr --out FOLDER
#
#   --data FOLDER        holds PAIR_train.jsonl, PAIR_val.jsonl and PAIR_test.jsonl, as they come out
#                        of PAIR_CrossSum.tar.bz2: lines with text, summary, source_url, target_url
#   --pair NAME          the pair as CrossSum names it: language of the articles, then of the summaries
#   --source-lang LANG   code of the articles' language
#   --target-lang LANG   code of the summaries' language
#   --out FOLDER         gets records/ and data-bin/
#   --vocab-size N       pieces to learn (default: 16000)
#   --workers N          processes (default: 1)
#   --skip-broken        leave out rows that are no JSON or lack a text, and say how many; without it
#                        the first of them ends the run
#
# There is no summary in the articles' language: the data-bin serves the layout ncls, and
# `mclas roundtrip --fill` makes what the layout mclas needs. Finished steps are not redone.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=preprocess/common.sh
. "$here/common.sh"

known="data pair source-lang target-lang out vocab-size workers" switches="skip-broken"
data="" pair="" source_lang="" target_lang="" out="" vocab_size=16000 workers=1 skip_broken=""
parse "$@"
need --data "$data" && need --pair "$pair" && need --source-lang "$source_lang"
need --target-lang "$target_lang" && need --out "$out"

same_options "$out"
mkdir -p "$out/records"
flags=()
for split in train valid test; do
    raw=$data/${pair}_${split/valid/val}.jsonl
    need_file "$raw"
    step "$out/records/$split.jsonl.gz" python "$here/records.py" rows "$raw" --split "$split" \
        --document "$source_lang=text" --summary "$target_lang=summary" --out OUT \
        ${skip_broken:+--skip-broken}
    [ -n "$skip_broken" ] || same_count "$raw" "$out/records/$split.jsonl.gz"
    flags+=("--$split" "$out/records/$split.jsonl.gz")
done
data_bin "$out/data-bin" --source-lang "$source_lang" --target-lang "$target_lang" "${flags[@]}" \
    --dedup --vocab-size "$vocab_size" --workers "$workers"
for split in train valid test; do say "$split: $(count "$out/records/$split.jsonl.gz") documents"; done
