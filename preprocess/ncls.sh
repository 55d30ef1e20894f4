#!/usr/bin/env bash
# Zh2EnSum or En2ZhSum (Zhu et al. 2019) to a data-bin.
#
#   bash preprocess/ncls.sh --data FOLDER --pair en2zh --out FOLDER
#
#   --data FOLDER        holds EN2ZHSUM_train.txt, EN2ZHSUM_valid.txt and EN2ZHSUM_test.txt, or
#                        ZH2ENSUM_*.txt: <doc>, <Article>, <EN-REF1>, <ZH-REF1>, ... each on a line of
#                        its own
#   --pair NAME          en2zh or zh2en
#   --out FOLDER         gets records/ and data-bin/
#   --chinese UNIT       characters (default), or words (cut by jieba; rare ones in pieces, which
#                        sentencepiece finds)
#   --vocab-size N       merges of byte-pair encoding, or pieces (default: 30000)
#   --any-count          take a part of the data: do not check the published numbers of documents
#                        (training 1,693,713 for zh2en and 364,687 for en2zh; 3,000 and 3,000)
#   --workers N          processes (default: 1)
#
# Moses' punctuation normalisation and tokenisation, lower-casing, byte-pair encoding. Validation and
# test take the summaries in the target language that people corrected, where there are some.
# Finished steps are not redone.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=preprocess/common.sh
. "$here/common.sh"

known="data pair out chinese vocab-size workers" switches="any-count"
data="" pair="" out="" chinese=characters vocab_size=30000 workers=1 any_count=""
parse "$@"
need --data "$data" && need --pair "$pair" && need --out "$out"
case $pair in
    en2zh) source_lang=en target_lang=zh documents=364687 ;;
    zh2en) source_lang=zh target_lang=en documents=1693713 ;;
    *) die "--pair must be en2zh or zh2en, but is $pair" ;;
esac
[[ $chinese == characters || $chinese == words ]] ||
    die "--chinese must be characters or words, but is $chinese"

same_options "$out"
mkdir -p "$out/records"
flags=()
for split in train valid test; do
    raw=$data/${pair^^}SUM_$split.txt
    need_file "$raw"
    file=$out/records/$split.jsonl.gz
    step "$file" python "$here/records.py" ncls "$raw" --target-lang "$target_lang" \
        --chinese "$chinese" --split "$split" --out OUT
    expected=3000
    [ "$split" = train ] && expected=$documents
    [ -n "$any_count" ] || expect_count "$file" "$expected"
    flags+=("--$split" "$file")
done
tokenizer=bpe # which takes Chinese as characters
[ "$chinese" = characters ] || tokenizer=sentencepiece
data_bin "$out/data-bin" --source-lang "$source_lang" --target-lang "$target_lang" "${flags[@]}" \
    --tokenizer "$tokenizer" --lowercase --vocab-size "$vocab_size" --workers "$workers"
for split in train valid test; do say "$split: $(count "$out/records/$split.jsonl.gz") documents"; done
