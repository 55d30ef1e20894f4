#!/usr/bin/env bash
# Trains the models that benchmarks.engines compares, one thread each.
#
#   bash benchmarks/engines_train.sh OUT [DDTP]
#
# news: MCLAS, English to German, synthetic; small: the same with mclas_small. many: MCLAS, English to
# German and Chinese, synthetic.
# ddtp: MCLAS, English to Italian, package descriptions, started from the monolingual summarizer;
# DDTP is the folder OUT/it of `python -m studies.ddtp run OUT` (its data-bin and its MS), without
# which this model is left out. What CTranslate2 cannot hold, all on the synthetic news in German:
# copying: MCLAS with --copy-attention. vhm. glm: mGLM from scratch. encoder: MCLAS with copying and
# an encoder of BERT's kind, which begins with random weights. A model that is there is not trained
# again.
set -euo pipefail

out=$1
ddtp=${2:-}
here=$(cd "$(dirname "$0")" && pwd)
plugin=$(python -c 'import mclas_fairseq; print(mclas_fairseq.__path__[0])')
source "$here/../examples/bf16.sh"
export OMP_NUM_THREADS=1
mkdir -p "$out"

train() { # NAME DATA UPDATES FLAGS...
    local name=$1 data=$2 updates=$3
    shift 3
    [ -e "$out/$name/checkpoint_last.pt" ] && return
    fairseq-train "$data" --user-dir "$plugin" --label-smoothing 0.1 \
        --optimizer adam --adam-betas '(0.9, 0.98)' --clip-norm 1.0 --lr-scheduler inverse_sqrt \
        --seed 1 --num-workers 0 --disable-validation --no-epoch-checkpoints --cpu \
        "${bf16[@]}" --max-update "$updates" --save-dir "$out/$name" --log-format simple \
        --log-interval 25 "$@" > "$out/$name.log" 2>&1
}

prepare() { # NAME LANGUAGES VOCABULARY FLAGS...
    [ -e "$out/$1-bin" ] && return
    mclas prepare --source-lang en --target-lang "$2" --train "$out/corpus/train.jsonl" \
        --valid "$out/corpus/valid.jsonl" --test "$out/corpus/test.jsonl" --out "$out/$1-bin" \
        --tokenizer bpe --vocab-size "$3" "${@:4}" > "$out/$1-bin.log" 2>&1
}

[ -e "$out/corpus" ] || mclas synthetic --setting easy --train 3000 --valid 200 --test 600 \
    --seed 1 --out "$out/corpus"
prepare news de 800
prepare many de,zh 1600
mclas=(--task cross_lingual_summarization --target-layout mclas --criterion summary_cross_entropy)
settings=(--dropout 0.1 --lr 3e-3 --warmup-updates 200 --max-tokens 3000)
tiny=("${mclas[@]}" --arch mclas_tiny "${settings[@]}")
train news "$out/news-bin" 1500 "${tiny[@]}"
train small "$out/news-bin" 800 "${mclas[@]}" --arch mclas_small "${settings[@]}" --lr 1e-3
if [ -n "$ddtp" ]; then
    mkdir -p "$out/ms"
    [ -e "$out/ms/uncopied.pt" ] || {
        cp "$ddtp/ms/checkpoint_best.pt" "$out/ms/"
        python -c "from pathlib import Path; from studies.ddtp.uncopied import without_copying
without_copying(Path('$out/ms/checkpoint_best.pt'))"
    }
    # The sizes of the monolingual summarizer, see studies/ddtp/cells.py.
    train ddtp "$ddtp/bins/triples" 6000 "${mclas[@]}" --arch mclas_small --encoder-layers 2 --decoder-layers 2 \
        --encoder-ffn-embed-dim 512 --decoder-ffn-embed-dim 512 --dropout 0.2 --lr 5e-4 \
        --warmup-updates 200 --max-tokens 2048 --max-source-positions 128 \
        --finetune-from-model "$out/ms/uncopied.pt"
fi
train many "$out/many-bin" 2000 "${tiny[@]}" --target-langs de,zh

train copying "$out/news-bin" 350 "${tiny[@]}" --copy-attention
prepare vhm de 800 --task-tags
train vhm "$out/vhm-bin" 350 --task multitask_summarization --train-tasks mt,ms,cls \
    --arch vhm_tiny --criterion vhm_elbo "${settings[@]}"

[ -e "$out/encoder-start/config.json" ] || python - "$out" <<'PYTHON'
"""Random weights of BERT's kind, and words of the corpus as its vocabulary."""
import sys
from pathlib import Path

from tokenizers import BertWordPieceTokenizer
from transformers import BertConfig, BertModel, BertTokenizer, set_seed

out = Path(sys.argv[1])
folder = out / "encoder-start"
folder.mkdir(exist_ok=True)
learner = BertWordPieceTokenizer(lowercase=False, strip_accents=False)
special = ["[PAD]", *(f"[unused{n}]" for n in range(1, 50)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
learner.train([str(out / "corpus" / "train.jsonl")], vocab_size=900, special_tokens=special)
learner.save_model(str(folder))
tokenizer = BertTokenizer(str(folder / "vocab.txt"), do_lower_case=False)
tokenizer.save_pretrained(folder)
set_seed(1)
sizes = {"hidden_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4}
config = BertConfig(vocab_size=len(tokenizer), intermediate_size=512, max_position_embeddings=256, **sizes)
BertModel(config).save_pretrained(folder)
PYTHON
corpus=(--train "$out/corpus/train.jsonl" --valid "$out/corpus/valid.jsonl"
    --test "$out/corpus/test.jsonl")
[ -e "$out/encoder-bin" ] || mclas prepare --source-lang en --target-lang de "${corpus[@]}" \
    --pretrained "$out/encoder-start" --out "$out/encoder-bin" > "$out/encoder-bin.log" 2>&1
train encoder "$out/encoder-bin" 350 "${tiny[@]}" --copy-attention --max-source-positions 192 \
    --pretrained-encoder "$out/encoder-start"

[ -e "$out/glm-bin" ] || {
    for language in en de; do
        python -c "import json, sys
for line in open('$out/corpus/train.jsonl', encoding='utf-8'):
    print(*json.loads(line)['summary']['$language'], end='\n\n')" > "$out/$language.txt"
    done
    mclas prepare-text --text "en=$out/en.txt" "de=$out/de.txt" --vocab-size 900 \
        --valid-share 0.1 --out "$out/glm-text" > "$out/glm-bin.log" 2>&1
    mclas prepare --source-lang en --target-lang de "${corpus[@]}" --like "$out/glm-text" \
        --max-unknown 1 --out "$out/glm-bin" >> "$out/glm-bin.log" 2>&1
}
train glm "$out/glm-bin" 700 --task glm_seq2seq --target-lang de --arch glm_tiny \
    --criterion glm_cross_entropy "${settings[@]}"
