"""Pretrain a small encoder of BERT's format with masked words, for --pretrained-encoder.

    python examples/pretrained/pretrain_masked.py DATA OUT --updates 10000

DATA is the folder of papers/, xscitldr/, tatoeba/ and multi30k/, or with --mono of mono/. OUT
becomes a checkpoint that `mclas prepare --pretrained OUT` and `fairseq-train --pretrained-encoder
OUT` take; OUT/state holds the encoded texts, the state from which a stopped run goes on, and
log.jsonl. `--updates 0` writes the same encoder with random weights. Devlin et al. (2019,
arXiv:1810.04805), without the next sentence task.
"""

import argparse
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from masked_text import (
    IGNORED,
    Encoded,
    Masking,
    lines,
    mono_texts,
    record_texts,
    training_texts,
)
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import nn
from transformers import BertConfig, BertForMaskedLM, BertTokenizer

from mclas_fairseq.corpus.text_files import write_beside

logger = logging.getLogger("pretrain_masked")

UNUSED = 50  # pieces without a meaning, for the symbols of a decoder
SPECIAL = ["[PAD]", *(f"[unused{n}]" for n in range(1, UNUSED + 1))]
SPECIAL += ["[UNK]", "[CLS]", "[SEP]", "[MASK]"]
_RARE = 20  # characters seen less often get no piece
_VALID_TEXTS = 300
STATE = "state"  # folder in OUT: encoded texts, what a stopped run goes on from, log


@dataclass(frozen=True)
class Sizes:
    """Of the encoder."""

    vocabulary: int
    hidden: int
    layers: int
    heads: int
    ffn: int
    positions: int


def training(args: argparse.Namespace) -> Iterator[tuple[str, str]]:
    """(language, text) of what is learned from."""
    if args.mono:
        yield from mono_texts(args.data, args.languages, args.mono, valid=False)
    else:
        yield from training_texts(args.data, args.languages, args.excluded)


def learn_vocabulary(args: argparse.Namespace, out: Path) -> None:
    """Learn WordPiece's pieces from all languages, the rare ones' texts repeated."""
    texts: dict[str, list[str]] = {}
    for language, text in training(args):
        texts.setdefault(language, []).append(text)
    most = max(sum(map(len, one)) for one in texts.values())
    balanced: list[str] = []
    characters: Counter[str] = Counter()
    for one in texts.values():
        times = min(args.repeat, max(1, most // sum(map(len, one))))
        balanced += one * times
        characters.update("".join(one).lower())
    learner = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    learner.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    learner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=args.vocab_size,
        special_tokens=SPECIAL,
        limit_alphabet=sum(count >= _RARE for count in characters.values()),
        show_progress=False,
    )
    learner.train_from_iterator(balanced, trainer)
    vocabulary = learner.get_vocab()
    with write_beside(out / "vocab.txt") as stream:
        stream.writelines(f"{piece}\n" for piece in sorted(vocabulary, key=vocabulary.__getitem__))
    logger.info("%d pieces learned", len(vocabulary))


def open_tokenizer(out: Path) -> Any:
    """Lower-cased, accents kept: they are letters of German."""
    return BertTokenizer(str(out / "vocab.txt"), do_lower_case=True, strip_accents=False)


def encode(tokenizer: Any, texts: list[str], positions: int) -> Encoded:
    """Texts as ids, cut to `positions`."""
    ids: list[np.ndarray] = []
    for start in range(0, len(texts), 1000):
        batch = tokenizer(texts[start : start + 1000], truncation=True, max_length=positions)
        ids += [np.asarray(row, dtype=np.int32) for row in batch["input_ids"]]
    starts = np.cumsum([0, *map(len, ids)])
    return Encoded(np.concatenate(ids), starts)


def validation_texts(args: argparse.Namespace) -> Iterator[str]:
    """Texts that nothing is learned from."""
    if args.mono:
        for _, text in mono_texts(args.data, args.languages, args.mono, valid=True):
            yield text
        return
    for line in lines(args.data / "papers" / "valid.jsonl.gz"):
        for _, text in record_texts({"document": json.loads(line)["document"]}, ["en"]):
            yield text


def encoded_texts(args: argparse.Namespace, tokenizer: Any) -> tuple[Encoded, Encoded]:
    """Training texts and validation texts; kept in OUT/state."""
    folder = args.out / STATE
    if not (folder / "valid.npz").exists():
        texts: list[str] = []
        for language, text in training(args):
            texts += [text] * (1 if language == "en" or args.mono else args.repeat)
        encode(tokenizer, texts, args.train_positions).save(folder / "train.npz")
        valid = list(validation_texts(args))
        # plain text stands language by language: few of each
        step = max(1, len(valid) // _VALID_TEXTS) if args.mono else 1
        encode(tokenizer, valid[::step][:_VALID_TEXTS], args.train_positions).save(
            folder / "valid.npz"
        )
    return Encoded.load(folder / "train.npz"), Encoded.load(folder / "valid.npz")


def masked_loss(
    model: BertForMaskedLM, read: torch.Tensor, labels: torch.Tensor, pad: int
) -> tuple[torch.Tensor, int, int]:
    """Sum of the negative log-likelihoods (nats) of the hidden pieces, how many, how many right."""
    hidden = model.bert(input_ids=read, attention_mask=read.ne(pad)).last_hidden_state
    wanted = labels.ne(IGNORED)
    logits = model.cls(hidden[wanted])  # of hidden pieces alone: most of the work is here
    loss = nn.functional.cross_entropy(logits, labels[wanted], reduction="sum")
    right = int(logits.argmax(-1).eq(labels[wanted]).sum())
    return loss, int(wanted.sum()), right


@torch.no_grad()
def validate(
    model: BertForMaskedLM, texts: Encoded, masking: Masking, pad: int
) -> dict[str, float]:
    """Nats a hidden piece and the share guessed right; no dropout, always the same mask."""
    model.eval()
    generator = torch.Generator().manual_seed(1)
    totals = np.zeros(3)
    for rows in texts.batches(4096):
        read, labels = masking.apply(texts.padded(rows, pad), generator)
        loss, count, right = masked_loss(model, read, labels, pad)
        totals += loss.item(), count, right
    model.train()
    return {"valid_nll": totals[0] / totals[1], "valid_accuracy": totals[2] / totals[1]}


def rate(update: int, args: argparse.Namespace) -> float:
    """Peak rate after a linear warm-up, then linearly down to a tenth."""
    warm = min(1.0, (update + 1) / max(1, args.warmup))
    down = max(0.1, 1.0 - max(0, update - args.warmup) / max(1, args.updates - args.warmup))
    return float(args.lr * min(warm, down))


def train(args: argparse.Namespace, model: BertForMaskedLM, tokenizer: Any) -> dict[str, Any]:
    """Train up to `--updates`, going on from OUT/state/state.pt if there is one."""
    folder, pad = args.out / STATE, tokenizer.pad_token_id
    texts, valid = encoded_texts(args, tokenizer)
    masking = Masking(args.mask, tokenizer.mask_token_id, len(SPECIAL), len(tokenizer))
    batches = texts.batches(args.max_tokens)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=0.01)
    done, seconds = 0, 0.0
    if (folder / "state.pt").exists():
        state = torch.load(folder / "state.pt", weights_only=True)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        done, seconds = state["updates"], state["seconds"]
        logger.info("going on after %d updates", done)
    logger.info(
        "%d texts, %d tokens, %d batches", len(texts.starts) - 1, len(texts.ids), len(batches)
    )
    started, mean = time.process_time() - seconds, 0.0
    for update in range(done, args.updates):
        epoch, number = divmod(update, len(batches))
        order = np.random.default_rng([args.seed, epoch]).permutation(len(batches))
        # Seeded by the update, so that a run that was stopped ends as one that was not.
        torch.manual_seed(args.seed * 1_000_003 + update)
        read, labels = masking.apply(
            texts.padded(batches[order[number]], pad),
            torch.Generator().manual_seed(args.seed * 1_000_003 + update),
        )
        loss, count, _ = masked_loss(model, read, labels, pad)
        optimizer.zero_grad()
        (loss / max(1, count)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = rate(update, args)
        optimizer.step()
        mean += (loss.item() / max(1, count) - mean) / (update % args.save_every + 1)
        if (update + 1) % args.save_every == 0 or update + 1 == args.updates:
            seconds = time.process_time() - started
            said = {"updates": update + 1, "train_nll": mean, "processor_seconds": round(seconds)}
            said |= validate(model, valid, masking, pad)
            logger.info("%s", json.dumps(said))
            with (folder / "log.jsonl").open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(said) + "\n")
            state = {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
            torch.save({**state, "updates": update + 1, "seconds": seconds}, folder / "state.tmp")
            os.replace(folder / "state.tmp", folder / "state.pt")
            mean = 0.0
    return {"updates": args.updates, "processor_seconds": round(seconds)} | validate(
        model, valid, masking, pad
    )


def build(sizes: Sizes, seed: int) -> BertForMaskedLM:
    """The encoder with random weights."""
    torch.manual_seed(seed)
    return BertForMaskedLM(
        BertConfig(
            vocab_size=sizes.vocabulary,
            hidden_size=sizes.hidden,
            num_hidden_layers=sizes.layers,
            num_attention_heads=sizes.heads,
            intermediate_size=sizes.ffn,
            max_position_embeddings=sizes.positions,
            pad_token_id=0,
        )
    )


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--updates", type=int, default=10000)
    parser.add_argument("--languages", default="en,de,zh")
    parser.add_argument("--exclude-ids", type=Path, help="ids of xscitldr to leave out")
    parser.add_argument(
        "--mono", type=int, default=0, metavar="BYTES", help="of each language of mono/, or 0"
    )
    parser.add_argument("--repeat", type=int, default=4, help="times of texts that are not English")
    parser.add_argument("--vocab", type=Path, help="vocab.txt to use instead of learning one")
    parser.add_argument("--vocab-size", type=int, default=8000)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--ffn", type=int, default=512)
    parser.add_argument("--positions", type=int, default=256, help="most tokens of a text")
    parser.add_argument("--train-positions", type=int, default=128, help="texts are cut to so many")
    parser.add_argument("--max-tokens", type=int, default=2048)
    parser.add_argument("--mask", type=float, default=0.15, help="share of the pieces to guess")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--warmup", type=int, default=200)
    parser.add_argument("--save-every", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.languages = tuple(args.languages.split(","))
    ids = args.exclude_ids.read_text(encoding="utf-8").split() if args.exclude_ids else ()
    args.excluded = frozenset(ids)
    return args


def main() -> None:
    """Learn the vocabulary, train, write the checkpoint."""
    logging.basicConfig(format="%(asctime)s | %(message)s", level=logging.INFO)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    args = parse()
    (args.out / STATE).mkdir(parents=True, exist_ok=True)
    if args.vocab is not None:
        (args.out / "vocab.txt").write_bytes(args.vocab.read_bytes())
    if not (args.out / "vocab.txt").exists():
        learn_vocabulary(args, args.out)
    tokenizer = open_tokenizer(args.out)
    sizes = (args.hidden, args.layers, args.heads, args.ffn, args.positions)
    model = build(Sizes(len(tokenizer), *sizes), args.seed)
    said: dict[str, Any] = {"updates": 0}
    if args.updates:
        said = train(args, model, tokenizer)
    tokenizer.model_max_length = args.positions
    tokenizer.save_pretrained(args.out)
    model.save_pretrained(args.out)
    with write_beside(args.out / "pretraining.json") as stream:
        json.dump(said, stream)
        stream.write("\n")
    logger.info("checkpoint written to %s", args.out)


if __name__ == "__main__":
    main()
