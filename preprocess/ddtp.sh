#!/usr/bin/env bash
# Descriptions of Debian's packages, with the translations of its volunteers, to a data-bin.
#
#   bash preprocess/ddtp.sh --data FOLDER --target-lang it --out FOLDER
#
#   --data FOLDER        as dists/RELEASE/main of a mirror: binary-ARCH/Packages of one architecture or
#                        several, i18n/Translation-en and i18n/Translation-LANG, plain, .gz, .bz2 or .xz
#   --target-lang LANGS  as in it or it,fr: any that Debian has (i18n/ lists them)
#   --out FOLDER         gets descriptions/records, descriptions/pairs and data-bin/
#   --ids FOLDER         take the split of ids.train.txt, ids.valid.txt and ids.test.txt (package
#                        names, one a line), as the folder of a data-bin has them; without it
#                        descriptions of under 30 words are left out, and of packages that share a
#                        first paragraph or a synopsis one is kept
#   --pairs              the data-bin gets the pairs of paragraphs too, for translation (MT)
#   --vocab-size N       pieces to learn (default: 8000)
#   --workers N          processes (default: 1)
#
# A package's long description is the document, its synopsis the summary, in English and each target
# language. records/SPLIT.jsonl.gz hold these; pairs/SPLIT.jsonl.gz the paragraphs with their
# translations, in the split of their description (those of over 60 paragraphs are lists, and left
# out). The split is by a hash of the source package; descriptions that share 0.3 of their sequences
# of five words stay together; groups of over 50 packages are for training. To fetch the files:
#
#   mirror=https://deb.debian.org/debian/dists/bookworm/main
#   curl --create-dirs -o bookworm/binary-amd64/Packages.xz $mirror/binary-amd64/Packages.xz
#   curl --create-dirs -o 'bookworm/i18n/Translation-#1.bz2' "$mirror/i18n/Translation-{en,it}.bz2"
#
# The texts belong to the packages' and the translations' authors, under each package's terms.
# Finished steps are not redone.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=preprocess/common.sh
. "$here/common.sh"

known="data target-lang out ids vocab-size workers" switches="pairs"
data="" target_lang="" out="" ids="" vocab_size=8000 workers=1 pairs=""
parse "$@"
need --data "$data" && need --target-lang "$target_lang" && need --out "$out"

same_options "$out"
chosen=()
[ -z "$ids" ] || chosen=(--ids "$ids")
step "$out/descriptions" python "$here/descriptions.py" "$data" --target-lang "$target_lang" \
    "${chosen[@]}" --out OUT
flags=()
for split in train valid test; do
    flags+=("--$split" "$out/descriptions/records/$split.jsonl.gz")
    [[ -z $pairs || $split == test ]] || flags+=("$out/descriptions/pairs/$split.jsonl.gz")
done
data_bin "$out/data-bin" --source-lang en --target-lang "$target_lang" "${flags[@]}" --lowercase \
    --vocab-size "$vocab_size" --workers "$workers"
