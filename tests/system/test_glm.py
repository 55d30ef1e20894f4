"""mGLM from raw text to summaries, through fairseq's commands and ours, at toy size."""

import json
import math
import re
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.forced_scoring import score_hypotheses
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.summarizer import Summarizer

if TYPE_CHECKING:
    from tests.system.conftest import Row, Toy

SIZES = (
    "--arch glm_tiny --stack-layers 2 --stack-embed-dim 16 --stack-ffn-embed-dim 32 "
    "--stack-attention-heads 2 --criterion glm_cross_entropy --optimizer adam --clip-norm 1.0 "
    "--lr 0.01 --batch-size 8 --seed 1 --log-format json --log-interval 1 --no-epoch-checkpoints"
).split()
PRETRAINING = [*SIZES, *"--tokens-per-sample 48 --valid-samples 1".split()]
TUNING = [*SIZES, *"--max-source-positions 64 --max-target-positions 40 --max-update 2".split()]
SEARCH = "--beam 3 --max-len-b 12 --min-len 2 --no-repeat-ngram-size 2 --batch-size 4".split()


@dataclass(frozen=True)
class Glm:
    """A toy with what was pretrained and fine-tuned on it.

    Attributes:
        toy: runs the commands.
        text: data-bin of plain text.
        records: data-bin of records.
        pretrained: a checkpoint.
        tuned: a checkpoint that wrote German.
        log: what pretraining printed.
    """

    toy: "Toy"
    text: Path
    records: Path
    pretrained: Path
    tuned: Path
    log: str

    def summarizer(self, **options: Any) -> Summarizer:
        return Summarizer.load([self.tuned], self.records, DecodingOptions(**options))


def german_too(rows: "list[Row]") -> "list[Row]":
    """Records with a document in German, made of their summaries: what it says is no matter."""
    found = []
    for row in rows:
        if "de" in row["summary"]:
            row = {**row, "translation": {"de": ["; ".join(row["summary"]["de"])] * 3}}
        found.append(row)
    return found


def write_text(toy: "Toy", language: str) -> Path:
    path = toy.folder / f"{language}.txt"
    texts = [row["summary"][language][0] for row in toy.rows["train"] if language in row["summary"]]
    documents = [" ".join(texts[start:] + texts[:start]) for start in range(len(texts))]
    path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
    return path


def write_french(toy: "Toy") -> Path:
    """Text of a language that no record has, so that the dictionary has more than they need."""
    words = "zéro fête gâteau leçon garçon français déjà voilà bientôt hôpital château".split()
    path = toy.folder / "fr.txt"
    documents = [" ".join(words[start:] + words[:start]) for start in range(len(words))]
    path.write_text("\n\n".join(documents * 3) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def glm(toy: "Toy") -> Glm:
    folder = toy.folder / "glm"
    files = [f"{language}={write_text(toy, language)}" for language in ("en", "de")]
    files.append(f"fr={write_french(toy)}")
    text = folder / "text"
    sizes = "--vocab-size 430 --valid-share 0.2".split()
    table = toy.mclas("prepare-text", "--text", *files, *sizes, "--out", text)
    assert "drawn as" in table
    records = folder / "records"
    flags = "--source-lang en --target-lang de --max-unknown 1".split()
    given = []
    for split in ("train", "valid", "test"):
        path = toy.write(toy.folder / f"glm.{split}.jsonl", german_too(toy.rows[split]))
        given += [f"--{split}", path]
    toy.mclas("prepare", *flags, "--like", text, *given, "--out", records)
    save = folder / "pretrained"
    words = [text, *PRETRAINING, "--max-update", 3, "--save-dir", save]
    log = toy.fairseq("train", *words, task="glm_pretraining")
    tuned = folder / "tuned"
    start = ["--finetune-from-model", save / "checkpoint_last.pt", "--save-dir", tuned]
    toy.fairseq("train", records, *TUNING, *start, "-t", "de", task="glm_seq2seq")
    last = "checkpoint_last.pt"
    return Glm(toy, text, records, save / last, tuned / last, log)


def generate(glm: Glm, *flags: object) -> str:
    words = [glm.records, "--path", glm.tuned, *SEARCH, *flags]
    return glm.toy.fairseq("generate", *words, task="glm_seq2seq")


def lines(log: str, kind: str) -> dict[int, list[str]]:
    found: Iterator[re.Match[str]] = re.finditer(rf"^{kind}-(\d+)\t(.*)$", log, re.MULTILINE)
    return {int(match[1]): match[2].split("\t") for match in found}


def test_validation_tells_perplexity_by_objective_and_language(glm: Glm) -> None:
    (line,) = re.findall(r"valid \| (\{.*\})", glm.log)
    said = {key.removeprefix("valid_ppl_"): float(value) for key, value in json.loads(line).items()}
    kinds, languages = ("token", "sentence", "document"), ("en", "de")
    assert {*kinds, *languages, *(f"{k}_{c}" for k in kinds for c in languages)} <= set(said)
    assert all(math.isfinite(said[kind]) and said[kind] > 1 for kind in kinds)


def test_fine_tuning_starts_from_the_pretrained_weights(glm: Glm) -> None:
    before, after = (load_checkpoint(path)["model"] for path in (glm.pretrained, glm.tuned))
    assert before.keys() == after.keys()
    name = "stack.layers.0.fc1.weight"
    near = (before[name] - after[name]).abs().max()
    assert 0 < near < 0.1  # two updates at 0.01; weights drawn anew differ by more


def test_generation_writes_german_that_a_prompt_asked_for(glm: Glm) -> None:
    log = generate(glm, "--gen-subset", "test")
    sources, hypotheses = lines(log, "S"), lines(log, "H")
    assert len(hypotheses) == len(glm.toy.rows["test"])
    assert all(re.match(r"\[CLS\] .*\[sMASK\]$", source[0]) for source in sources.values())
    forbidden = ("[CLS]", "[MASK]", "[sMASK]", "<sop>", "<eop>", "madeupword")
    assert not any(word in one[1] for one in hypotheses.values() for word in forbidden)


def test_hypotheses_keep_to_the_options_of_the_search(glm: Glm) -> None:
    log = generate(glm, "--gen-subset", "test")
    vocabulary = (glm.records / "vocabulary.de.txt").read_text(encoding="utf-8").split("\n")
    for _, text in lines(log, "H").values():
        pieces = text.split()
        assert 2 <= len(pieces) <= 12
        assert set(pieces) <= set(vocabulary)
        pairs = list(zip(pieces, pieces[1:], strict=False))
        assert len(set(pairs)) == len(pairs)


def test_any_language_with_a_template_can_be_asked_for(glm: Glm) -> None:
    log = generate(glm, "--gen-subset", "test", "-s", "de", "-t", "en")
    german = [row for row in glm.toy.rows["test"] if "de" in row["summary"]]
    assert len(lines(log, "H")) == len(german) < len(glm.toy.rows["test"])


def test_a_summarizer_gives_what_fairseq_generates(glm: Glm) -> None:
    log = generate(glm, "--gen-subset", "test")
    expected = lines(log, "D")
    summarizer = glm.summarizer(beam=3, max_len_b=12, min_len=2, no_repeat_ngram_size=2)
    documents = [row["document"]["en"] for row in glm.toy.rows["test"]]
    texts = [" ".join(one) if isinstance(one, list) else one for one in documents]
    found = summarizer.summarize(texts, batch_size=3)
    for row, summary in enumerate(found):
        assert summary.text == expected[row][1]
        assert summary.best.score == pytest.approx(float(expected[row][0]), abs=1e-4)


def test_scores_of_the_beam_are_forced_scores_with_several_languages(glm: Glm) -> None:
    summarizer = glm.summarizer(beam=3, max_len_b=12, min_len=2, no_repeat_ngram_size=0)
    summarizer.task.write_targets(["de", "en"])
    args = Namespace(**summarizer.options.values())
    summarizer.search.generator = summarizer.task.build_generator(summarizer.models, args)
    dataset = summarizer.search.dataset(["one two three .", "four five ."])
    batch = summarizer.search.batch(dataset, range(len(dataset)))
    found = summarizer.task.inference_step(summarizer.search.generator, summarizer.models, batch)
    scored = score_hypotheses(
        summarizer.search.generator, batch, [[one["tokens"] for one in each] for each in found]
    )
    for ours, theirs in zip(found, scored, strict=True):
        for hypothesis, forced in zip(ours, theirs, strict=True):
            torch.testing.assert_close(
                hypothesis["positional_scores"], forced.positional_scores, atol=1e-4, rtol=1e-4
            )


def test_a_bundle_gives_what_its_checkpoint_gives(glm: Glm) -> None:
    bundle = glm.toy.folder / "glm" / "bundle"
    glm.toy.mclas("export", "--checkpoint", glm.tuned, "--data", glm.records, "--out", bundle)
    options = {"beam": 3, "max_len_b": 12, "min_len": 2, "no_repeat_ngram_size": 2}
    ours = Summarizer.from_bundle(bundle, changes=options)
    theirs = glm.summarizer(**options)
    documents = ["One two three. Four five!", "Six."]
    for one, other in zip(ours.summarize(documents), theirs.summarize(documents), strict=True):
        assert one.text == other.text
        assert one.best.score == pytest.approx(other.best.score, abs=1e-5)
    assert ours.languages == ("de",)


def test_a_bundle_in_8_bits_is_filled_without_a_model_in_full(glm: Glm) -> None:
    """The same as rounding at loading; nothing of the model is built with numbers of its own."""
    folder = glm.toy.folder / "glm"
    options: dict[str, Any] = {"beam": 3, "max_len_b": 12, "min_len": 2, "no_repeat_ngram_size": 2}
    words = ["--checkpoint", glm.tuned, "--data", glm.records, "--format", "int8"]
    with no_numbers_drawn():
        glm.toy.mclas("export", *words, "--out", folder / "int8")
        ours = Summarizer.from_bundle(folder / "int8", changes=options, device="cpu")
    theirs = Summarizer.load(
        [glm.tuned], glm.records, DecodingOptions(**options), device="cpu", precision="int8"
    )
    documents = ["One two three. Four five!", "Six."]
    for one, other in zip(ours.summarize(documents), theirs.summarize(documents), strict=True):
        assert one.best == other.best
    network: Any = ours.models[0]
    assert network.stack.output_projection.weight is network.stack.embed_tokens.weight
    plain = folder / "plain"
    glm.toy.mclas("export", *words[:-1], "torch", "--out", plain)
    glm.toy.mclas("export", "--model", plain, "--format", "int8", "--out", folder / "converted")
    name = "model.int8.safetensors"
    assert (folder / "converted" / name).read_bytes() == (folder / "int8" / name).read_bytes()


@contextmanager
def no_numbers_drawn() -> Iterator[None]:
    """As long as this is open, no weight is drawn: who draws one has memory for it."""

    def refuse(tensor: Any, *_: Any, **__: Any) -> Any:
        assert tensor.is_meta, "a weight was drawn"
        return tensor

    with pytest.MonkeyPatch.context() as patch:
        for name in ("normal_", "zeros_", "kaiming_uniform_", "uniform_"):
            patch.setattr(torch.nn.init, name, refuse)
        yield


def test_attention_of_one_stack_is_not_shown(glm: Glm) -> None:
    summarizer = glm.summarizer(beam=2)
    assert not summarizer.has_attention
    with pytest.raises(ConfigError, match="mGLM is one stack; ask a model of another kind"):
        summarizer.attention("One two.")


def test_checkpoints_are_averaged_as_others(glm: Glm) -> None:
    out = glm.toy.folder / "glm" / "average.pt"
    best = glm.tuned.with_name("checkpoint_best.pt")  # of the same update
    glm.toy.mclas("average", "--inputs", glm.tuned, best, "--out", out)
    first, mean = load_checkpoint(glm.tuned)["model"], load_checkpoint(out)["model"]
    assert first.keys() == mean.keys()
    torch.testing.assert_close(mean, first)


def test_a_checkpoint_of_another_task_is_refused(glm: Glm) -> None:
    words = [glm.records, "--path", glm.pretrained, *SEARCH, "--gen-subset", "test"]
    error = glm.toy.fails("generate", *words, task="glm_seq2seq")
    assert "was it trained with --task glm_seq2seq?" in str(error)


def test_a_prompt_that_leaves_no_room_is_refused(glm: Glm) -> None:
    words = [glm.records, *SIZES, "--max-source-positions", 12, "-t", "de"]
    error = glm.toy.fails("train", *words, task="glm_seq2seq")
    assert "--max-source-positions 12: the longest prompt" in str(error)


def test_a_data_bin_without_commands_is_refused(glm: Glm) -> None:
    words = [glm.toy.data_bin, *SIZES, "-t", "de"]
    error = glm.toy.fails("train", *words, task="glm_seq2seq")
    assert "mclas prepare-text" in str(error)


def test_transfer_scores_every_pair_of_languages(glm: Glm) -> None:
    folder = glm.toy.folder / "glm"
    reports = ["--json", folder / "transfer.json", "--summaries", folder / "transfer.jsonl"]
    pairs = "--source-langs en,de --target-langs de,en --split test --beam 2 --max-len-b 8".split()
    table = glm.toy.mclas(
        "transfer", "--checkpoint", glm.tuned, "--data", glm.records, "--cpu", *pairs, *reports
    )
    found = json.loads((folder / "transfer.json").read_text(encoding="utf-8"))["cells"]
    assert [(cell["source"], cell["target"], cell["setting"]) for cell in found] == [
        ("en", "de", "trained"),
        ("en", "en", "zero-shot target"),
        ("de", "de", "zero-shot source"),
        ("de", "en", "zero-shot"),
    ]
    rows = glm.toy.read(folder / "transfer.jsonl")
    assert len(rows) == sum(cell["documents"] for cell in found)
    assert all(cell["setting"] in table for cell in found)
    # The same as the summarizer writes.
    wanted = glm.summarizer(beam=2, max_len_b=8)
    row = next(row for row in rows if (row["source"], row["target"]) == ("en", "de"))
    record = next(one for one in glm.toy.rows["test"] if one["id"] == row["id"])
    document = record["document"]["en"]
    text = " ".join(document) if isinstance(document, list) else document
    assert wanted.summarize(text).text == row["summary"]["de"]


def test_transfer_refuses_a_model_without_prompts(glm: Glm) -> None:
    words = ["--data", glm.toy.data_bin, "--source-langs", "en", "--target-langs", "de", "--cpu"]
    checkpoint = glm.toy.trained("ncls")
    with pytest.raises(AssertionError, match="only a model with prompts can be asked"):
        glm.toy.mclas("transfer", "--checkpoint", checkpoint, *words)


def test_a_trimmed_checkpoint_writes_what_it_wrote(glm: Glm) -> None:
    out = glm.toy.folder / "glm" / "trimmed"
    flags = ["--documents", 8, "--beam", 2, "--out", out]
    said = glm.toy.mclas("trim", "--checkpoint", glm.tuned, "--data", glm.records, *flags)
    assert "decoding: 8 of 8 summaries of test have the same tokens" in said
    dictionary = (out / "dict.txt").read_text(encoding="utf-8").split("\n")
    assert len(dictionary) < len((glm.records / "dict.txt").read_text(encoding="utf-8").split("\n"))
    assert {"[sMASK] 0", "<sop> 0", "<eop> 0"} <= set(dictionary)
