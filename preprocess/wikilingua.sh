#!/usr/bin/env bash
# WikiLingua (Ladhak et al. 2020), in the JSON lines of the GEM benchmark, to a data-bin.
#
#   bash preprocess/wikilingua.sh --data FOLDER --source-lang en --target-lang de --out FOLDER
#
#   --data FOLDER        holds train.jsonl, validation.jsonl and test.jsonl: lines with source, target,
#                        references, source_language, target_language, gem_id and gem_parent_id
#   --source-lang LANG   language of the articles
#   --target-lang LANG   language of the summaries
#   --out FOLDER         gets records/ and data-bin/
#   --vocab-size N       pieces to learn (default: 16000)
#   --workers N          processes (default: 1)
#
# Rows of the pair are taken, and their article's summary in its own language is added from the row
# of the same gem_parent_id where there is one. Finished steps are not redone.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=preprocess/common.sh
. "$here/common.sh"

known="data source-lang target-lang out vocab-size workers" switches=""
data="" source_lang="" target_lang="" out="" vocab_size=16000 workers=1
parse "$@"
need --data "$data" && need --source-lang "$source_lang" && need --target-lang "$target_lang"
need --out "$out"

same_options "$out"
mkdir -p "$out/records"
flags=()
for split in train valid test; do
    raw=$data/${split/valid/validation}.jsonl
    need_file "$raw"
    step "$out/records/$split.jsonl.gz" python "$here/records.py" wikilingua "$raw" \
        --source-lang "$source_lang" --target-lang "$target_lang" --out OUT
    flags+=("--$split" "$out/records/$split.jsonl.gz")
done
data_bin "$out/data-bin" --source-lang "$source_lang" --target-lang "$target_lang" "${flags[@]}" \
    --dedup --vocab-size "$vocab_size" --workers "$workers"
for split in train valid test; do say "$split: $(count "$out/records/$split.jsonl.gz") documents"; done
