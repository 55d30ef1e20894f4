#!/usr/bin/env bash
# En2DeSum as Bai et al. (2021, section 5.1) made it: articles with headlines, one a line, to a
# cross-lingual corpus by translating the headlines there and back, and to a data-bin.
#
#   bash preprocess/en2de_roundtrip.sh --text FOLDER --forward SPEC --backward SPEC --out FOLDER
#
#   --text FOLDER        holds train.article.txt and train.title.txt, and the same for valid and test
#                        (or .gz), as Gigaword is passed on: line n of both belongs together
#   --forward SPEC       translator from English to German: fairseq:PATH, ct2:PATH, hf:NAME_OR_PATH or
#                        command:...; see `mclas roundtrip --help`
#   --backward SPEC      translator from German to English
#   --out FOLDER         gets records/, roundtrip-SPLIT/ and data-bin/
#   --t1 X --t2 X        least ROUGE-1 and ROUGE-2 of there and back (default: 0.6 and 0.2)
#   --target-lang LANG   another language than German (default: de)
#   --shard-lines N      records translated at a time (default: 5000)
#   --vocab-size N       pieces to learn (default: 16000)
#   --workers N          shards translated at the same time, and processes (default: 1)
#
# Stopped and started again, it goes on where it was; finished steps are not redone.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=preprocess/common.sh
. "$here/common.sh"

known="text forward backward out t1 t2 target-lang shard-lines vocab-size workers" switches=""
text="" forward="" backward="" out="" t1=0.6 t2=0.2 target_lang=de shard_lines=5000
vocab_size=16000 workers=1
parse "$@"
need --text "$text" && need --forward "$forward" && need --backward "$backward" && need --out "$out"

same_options "$out"
mkdir -p "$out/records"
flags=()
for split in test valid train; do # what is held out must be there when training is cleaned
    articles=$text/$split.article.txt titles=$text/$split.title.txt
    [ -f "$articles" ] || articles=$articles.gz
    [ -f "$titles" ] || titles=$titles.gz
    need_file "$articles" && need_file "$titles"
    same_count "$articles" "$titles"
    step "$out/records/$split.jsonl.gz" python "$here/records.py" headlines "$articles" "$titles" \
        --lang en --split "$split" --out OUT
    clean=(--clean "normalise,length,ratio,duplicates")
    [ "$split" != train ] ||
        clean+=(--held-out "$out/records/valid.jsonl.gz" "$out/records/test.jsonl.gz")
    say "round trip of $split"
    mclas roundtrip --in "$out/records/$split.jsonl.gz" --source-lang en \
        --target-lang "$target_lang" --forward "$forward" --backward "$backward" \
        --t1 "$t1" --t2 "$t2" --shard-lines "$shard_lines" --workers "$workers" "${clean[@]}" \
        --gzip --out "$out/roundtrip-$split"
    flags+=("--$split" "$out/roundtrip-$split/corpus.jsonl.gz")
done
data_bin "$out/data-bin" --source-lang en --target-lang "$target_lang" "${flags[@]}" \
    --vocab-size "$vocab_size" --workers "$workers"
for split in train valid test; do
    say "$split: $(count "$out/roundtrip-$split/corpus.jsonl.gz") of" \
        "$(count "$out/records/$split.jsonl.gz") documents"
done
