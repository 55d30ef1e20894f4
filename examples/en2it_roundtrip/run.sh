#!/usr/bin/env bash
# A silver corpus of scientific abstracts with Italian titles and key sentences, made by Apertium
# (English-Spanish-Italian) and a round trip: how good the translator is, a sample with its report, and
# with "all" the whole corpus.
#
#   bash examples/en2it_roundtrip/run.sh DATA OUT [ABSTRACTS]
#
# DATA holds xscitldr/test.jsonl.gz and papers/train.jsonl.gz. ABSTRACTS is how many are drawn (default:
# 1000) or "all". OUT gets corpora and reports; what is finished is not done again.
set -euo pipefail

data=${1:?folder with xscitldr/ and papers/}
out=${2:?folder for corpora and reports}
abstracts=${3:-1000}
here=$(cd "$(dirname "$0")" && pwd)

# cg-proc too: without it ita-spa writes nothing.
have=$(apertium -l 2> /dev/null || true)
for need in eng-spa spa-ita ita-spa spa-eng cg-proc; do
    grep -qw -e "$need" <<< "$have" || command -v "$need" > /dev/null || {
        echo "$0: Apertium with $need is needed, but is not installed;" \
            "on Debian: apt-get install apertium-eng-spa apertium-spa-ita cg3" >&2
        exit 1
    }
done
mkdir -p "$out"

[ -e "$out/quality.json" ] || python "$here/quality.py" "$data/xscitldr/test.jsonl.gz" \
    --json "$out/quality.json"

[ "$abstracts" = all ] && chosen=() || chosen=(--abstracts "$abstracts")
[ -e "$out/in-$abstracts.jsonl" ] || python "$here/sample.py" "$data/papers/train.jsonl.gz" \
    "$out/in-$abstracts.jsonl" "${chosen[@]}"

# Thresholds by kept share and by what forty pairs read like: see README.md.
python=$(command -v python)
program="command:$python $here/apertium_lines.py"
mclas roundtrip --in "$out/in-$abstracts.jsonl" --source-lang en --target-lang it \
    --forward "$program eng-spa spa-ita" --backward "$program ita-spa spa-eng" \
    --clean normalise,length,ratio,copied --max-copied 0.4 --t1 0.6 --t2 0.2 \
    --shard-lines 2000 --out "$out/silver-$abstracts" | tee "$out/silver-$abstracts.txt"
