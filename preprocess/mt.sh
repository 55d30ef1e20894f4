#!/usr/bin/env bash
# Parallel text to a data-bin of translation pairs.
#
#   bash preprocess/mt.sh --text PREFIX --source-lang en --target-lang de --out FOLDER
#
#   --text PREFIX        PREFIX.train.LANG and PREFIX.valid.LANG (or .gz) for both languages, line n
#                        being translations of one another; PREFIX.test.LANG is used when it is there
#   --source-lang LANG   language of the documents of the corpus that they are for
#   --target-lang LANG   the other language
#   --out FOLDER         gets records/ and data-bin/
#   --like DATA_BIN      use this data-bin's tokenizer and dictionary (so that the two can be trained
#                        together) instead of learning them
#   --vocab-size N       pieces to learn otherwise (default: 8000)
#   --workers N          processes (default: 1)
#
# Pairs that occur twice, or in valid or test, are left out of training, and those one side of which
# is over three times as long as the other, in bytes. Finished steps are not redone.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=preprocess/common.sh
. "$here/common.sh"

known="text source-lang target-lang out like vocab-size workers" switches=""
text="" source_lang="" target_lang="" out="" like="" vocab_size="" workers=1
parse "$@"
need --text "$text" && need --source-lang "$source_lang" && need --target-lang "$target_lang"
need --out "$out"
[ -z "$like" ] || [ -z "$vocab_size" ] || die "--vocab-size has no effect beside --like; leave one out"

same_options "$out"
mkdir -p "$out/records"
flags=()
for split in train valid test; do
    source=$text.$split.$source_lang target=$text.$split.$target_lang
    [ -f "$source" ] || source=$source.gz
    [ -f "$target" ] || target=$target.gz
    if [ "$split" = test ] && [ ! -f "$source" ]; then continue; fi
    need_file "$source" && need_file "$target"
    same_count "$source" "$target"
    step "$out/records/$split.jsonl.gz" python "$here/records.py" parallel "$source" "$target" \
        --split "$split" --source-lang "$source_lang" --target-lang "$target_lang" --out OUT
    flags+=("--$split" "$out/records/$split.jsonl.gz")
done
if [ -n "$like" ]; then
    flags+=(--like "$like")
else
    flags+=(--vocab-size "${vocab_size:-8000}")
fi
data_bin "$out/data-bin" --source-lang "$source_lang" --target-lang "$target_lang" "${flags[@]}" \
    --dedup --max-length-ratio 3 --workers "$workers"
for split in train valid test; do
    file=$out/records/$split.jsonl.gz
    [ ! -e "$file" ] || say "$split: $(count "$file") pairs"
done
