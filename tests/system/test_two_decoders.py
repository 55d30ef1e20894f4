"""NCLS+MS on the toy: training from a monolingual summarizer, and decoding with either decoder."""

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import mclas_fairseq
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.generation.options import DecodingOptions

if TYPE_CHECKING:
    from tests.system.conftest import Toy

FLAGS = ("--arch", "ncls_ms_tiny", "--target-layout", "ncls_ms")
SEARCH = "--beam 3 --max-len-b 20 --no-repeat-ngram-size 3 --batch-size 4 --cpu".split()
DECODERS = {"cls": ["de"], "ms": ["en"], "both": ["en", "de"]}
SUBSET = ("--train-subset-size", "6", "--subset-seed", "7")


@pytest.fixture(scope="module")
def trained(toy: "Toy") -> Path:
    """Trained from scratch on six triples until it writes some words of use; validated once."""
    rouge = ("--eval-rouge", "--eval-rouge-args", '{"beam": 2, "max_len_b": 20}')
    length = ("--max-update", 60, "--lr", 0.01, "--validate-interval", 100)
    return toy.train("ncls_ms", *FLAGS, *SUBSET, *rouge, *length) / "checkpoint_last.pt"


@pytest.fixture(scope="module")
def logs(toy: "Toy", trained: Path) -> dict[str, str]:
    """What fairseq-generate prints with each choice of decoder, scored."""
    return {
        name: toy.generate(trained, "--scoring", "rouge", "--summary-decoder", name)
        for name in DECODERS
    }


def last(log: str, subset: str) -> dict[str, float]:
    """The last metrics that a training logged for a subset."""
    (*_, line) = [line for line in log.splitlines() if f"| {subset} |" in line]
    return {name: float(value) for name, value in re.findall(r"\| (\w+) ([-\d.e]+)", line)}


def test_both_losses_are_logged_and_the_loss_is_over_the_tokens_of_both(
    toy: "Toy", trained: Path
) -> None:
    values = last(toy.logs["ncls_ms"], "valid")
    low, high = sorted((values["ms_nll_loss"], values["cls_nll_loss"]))
    assert low < values["nll_loss"] < high
    assert {"rouge1", "ms_rouge1"} <= set(values)
    state = load_checkpoint(trained)["task_state"]
    assert state["target_layout"] == "ncls_ms"
    assert set(state["vocabularies"]) == {"en", "de"}


def test_the_subset_is_that_of_the_other_systems(toy: "Toy", trained: Path) -> None:
    other = toy.train("subset-beside-ncls_ms", "--target-layout", "ncls", *SUBSET)
    ids = (trained.parent / "train_subset.txt").read_text()
    assert len(ids.split()) == 6
    assert ids == (other / "train_subset.txt").read_text()


def test_validation_rouge_is_that_of_decoding_with_both_decoders(toy: "Toy", trained: Path) -> None:
    values = last(toy.logs["ncls_ms"], "valid")
    search = ["--beam", 2, "--max-len-b", 20, "--batch-size", 4, "--cpu"]
    search += ["--no-repeat-ngram-size", 0]
    rows = [row for row in toy.rows["valid"] if {"en", "de"} <= set(row["summary"])]
    stdin = "".join(json.dumps(row) + "\n" for row in rows)
    model = ("--checkpoint", trained, "--data", toy.data_bin, "--summary-decoder", "both")
    printed = toy.mclas("summarize", *model, *search, stdin=stdin)
    written = [json.loads(line)["summary"] for line in printed.splitlines()]
    for name, language in (("rouge1", "de"), ("ms_rouge1", "en")):
        scores = score_rouge(
            [summary[language] for summary in written],
            [row["summary"][language] for row in rows],
            language=language,
        )
        assert values[name] > 0, "otherwise this test would show nothing"
        assert values[name] == pytest.approx(100 * float(scores.f1["rouge1"].mean()), abs=0.01)


def test_fine_tuning_starts_both_decoders_from_a_monolingual_summarizer(toy: "Toy") -> None:
    start = load_checkpoint(toy.trained("ms"))["model"]
    flags = (*FLAGS, "--finetune-from-model", toy.trained("ms"), "--lr", "1e-9")
    both = toy.train("both-from-ms", *flags)
    assert "both decoders start from it" in toy.logs["both-from-ms"]
    half = toy.train("half-from-ms", *flags, "--ncls-ms-init", "cls-random")
    for folder, same in ((both, True), (half, False)):
        tuned = load_checkpoint(folder / "checkpoint_last.pt")["model"]
        for key, weights in start.items():
            if key.startswith("decoder."):
                torch.testing.assert_close(tuned[f"ms_{key}"], weights, atol=1e-6, rtol=0.0)
        layer = "decoder.layers.0.fc1.weight"
        assert torch.allclose(tuned[layer], start[layer], atol=1e-6) is same


def test_a_killed_training_goes_on_as_if_nothing_had_happened(toy: "Toy") -> None:
    straight = toy.train("ncls_ms-straight", *FLAGS, "--max-update", 4)
    toy.train("ncls_ms-resumed", *FLAGS)
    resumed = toy.train("ncls_ms-resumed", *FLAGS, "--max-update", 4)
    assert "Loaded checkpoint" in toy.logs["ncls_ms-resumed"]
    one, two = (
        load_checkpoint(folder / "checkpoint_last.pt")["model"] for folder in (straight, resumed)
    )
    for key, weights in one.items():
        torch.testing.assert_close(two[key], weights, atol=1e-6, rtol=0.0)


@pytest.mark.parametrize("decoder", DECODERS)
def test_extract_reads_what_the_decoder_asked_for_wrote(
    toy: "Toy", logs: dict[str, str], decoder: str
) -> None:
    rows = toy.summaries(logs[decoder])
    assert [row["id"] for row in rows] == [row["id"] for row in toy.rows["test"]]
    assert {tuple(row["summary"]) for row in rows} == {tuple(DECODERS[decoder])}
    assert all(text for row in rows for text in row["summary"].values())


def test_both_is_the_two_decoders_together(toy: "Toy", logs: dict[str, str]) -> None:
    each = {name: toy.summaries(log) for name, log in logs.items()}
    for both, cls, ms in zip(each["both"], each["cls"], each["ms"], strict=True):
        assert both["summary"] == {**ms["summary"], **cls["summary"]}
        assert both["score"] == pytest.approx(cls["score"] + ms["score"], abs=1e-3)


@pytest.mark.parametrize("decoder", DECODERS)
def test_scores_and_references_are_those_of_the_language_that_is_written(
    toy: "Toy", logs: dict[str, str], decoder: str
) -> None:
    scored = re.findall(r"^(..): R-1 ", logs[decoder], re.MULTILINE)
    assert sorted(scored) == sorted(DECODERS[decoder])
    targets = re.findall(r"^T-0\t(.*)$", logs[decoder], re.MULTILINE)
    references = [toy.rows["test"][0]["summary"][code][0] for code in DECODERS[decoder]]
    assert targets == [" [LSEP] ".join(references)]


@pytest.mark.parametrize("decoder", DECODERS)
def test_summaries_keep_to_the_vocabulary_of_their_language(
    toy: "Toy", trained: Path, decoder: str
) -> None:
    state = load_checkpoint(trained)["task_state"]
    summarizer = mclas_fairseq.load(
        trained,
        data=toy.data_bin,
        device="cpu",
        options=DecodingOptions(summary_decoder=decoder, beam=2, max_len_b=20),
    )
    batch = summarizer.search.batch(
        summarizer.search.dataset([" ".join(row["document"]["en"]) for row in toy.rows["test"]]),
        range(14),
    )
    separator = summarizer.task.data_bin.separator
    for ranked in summarizer.search.generator.generate(summarizer.models, batch):
        content = ranked[0]["tokens"][:-1].tolist()
        halves = [content]
        if decoder == "both":
            cut = content.index(separator)
            halves = [content[:cut], content[cut + 1 :]]
        for language, half in zip(DECODERS[decoder], halves, strict=True):
            assert set(half) <= set(state["vocabularies"][language])


@pytest.mark.parametrize("decoder", DECODERS)
def test_summarize_and_interactive_write_what_generate_writes(
    toy: "Toy", trained: Path, logs: dict[str, str], decoder: str
) -> None:
    expected = toy.summaries(logs[decoder])
    stdin = "".join(json.dumps(row) + "\n" for row in toy.rows["test"])
    model = ("--checkpoint", trained, "--data", toy.data_bin, "--summary-decoder", decoder)
    rows = [
        json.loads(x) for x in toy.mclas("summarize", *model, *SEARCH, stdin=stdin).splitlines()
    ]
    assert [row["summary"] for row in rows] == [row["summary"] for row in expected]
    text = "".join(" ".join(row["document"]["en"]) + "\n" for row in toy.rows["test"][:4])
    flags = ("--path", trained, "--summary-decoder", decoder, "--buffer-size", "4", *toy.search)
    printed = toy.fairseq("interactive", toy.data_bin, *flags, stdin=text)
    written = re.findall(r"^D-\d+\t\S+\t(.*)$", printed, re.MULTILINE)
    assert written == [" [LSEP] ".join(row["summary"].values()) for row in expected[:4]]
    wanted = "".join("\t".join(row["summary"].values()) + "\n" for row in expected[:4])
    assert toy.mclas("summarize", *model, *SEARCH, "--write", "both", stdin=text) == wanted


def test_score_reference_scores_the_targets_of_either_decoder(toy: "Toy", trained: Path) -> None:
    found = {}
    for decoder in ("cls", "ms"):
        log = toy.generate(trained, "--score-reference", "--summary-decoder", decoder)
        found[decoder] = re.findall(r"^P-0\t(.*)$", log, re.MULTILINE)[0]
    assert found["cls"] != found["ms"]
    error = toy.fails(
        "generate", toy.data_bin, "--path", trained, "--score-reference",
        "--summary-decoder", "both", *toy.search,
    )  # fmt: skip
    assert isinstance(error, ConfigError)
    assert "references of the two are not scored as one" in str(error)


@pytest.mark.parametrize("decoder", ["ms", "both"])
def test_bundle_writes_with_the_decoder_that_it_was_exported_for_unless_told_otherwise(
    toy: "Toy", trained: Path, logs: dict[str, str], decoder: str, tmp_path: Path
) -> None:
    out = tmp_path / "bundle"
    flags = ("--summary-decoder", decoder, "--beam", 3, "--max-len-b", 20)
    toy.mclas(
        "export", "--checkpoint", trained, "--data", toy.data_bin, "--out", out, *flags,
        "--no-repeat-ngram-size", 3, "--author", "A. Maker", "--licence", "CC0-1.0",
    )  # fmt: skip
    assert {path.name for path in out.glob("vocabulary.*")} == {
        "vocabulary.en.txt",
        "vocabulary.de.txt",
    }
    stdin = "".join(json.dumps(row) + "\n" for row in toy.rows["test"])
    for asked in (decoder, "cls"):
        more = () if asked == decoder else ("--summary-decoder", asked)
        printed = toy.mclas("summarize", "--model", out, "--cpu", *more, stdin=stdin)
        written = [json.loads(line)["summary"] for line in printed.splitlines()]
        assert written == [row["summary"] for row in toy.summaries(logs[asked])]


def test_average_of_two_checkpoints_decodes(toy: "Toy", trained: Path, tmp_path: Path) -> None:
    out, other = tmp_path / "average.pt", tmp_path / "other.pt"
    shutil.copy(trained, other)
    toy.mclas("average", "--inputs", trained, other, "--out", out)
    stdin = "".join(json.dumps(row) + "\n" for row in toy.rows["test"][:3])
    printed = [
        toy.mclas(
            "summarize", "--checkpoint", path, "--data", toy.data_bin, *SEARCH,
            "--summary-decoder", "both", stdin=stdin,
        )
        for path in (out, trained)
    ]  # fmt: skip
    assert printed[0] == printed[1]


def refused(toy: "Toy", *flags: object) -> str:
    error: Any = toy.fails(
        "train", toy.data_bin, *toy.recipe, "--save-dir", toy.folder / "no", *flags
    )
    assert isinstance(error, (CheckpointError, ConfigError))
    return str(error)


def test_layout_and_architecture_that_do_not_go_together_are_refused(toy: "Toy") -> None:
    message = refused(toy, "--target-layout", "ncls_ms")
    assert "give --arch ncls_ms_tiny" in message
    message = refused(toy, "--target-layout", "mclas", "--arch", "ncls_ms_tiny")
    assert "give --target-layout ncls_ms" in message


def test_checkpoints_that_do_not_fit_are_refused_naming_the_remedy(
    toy: "Toy", trained: Path
) -> None:
    start = ("--finetune-from-model", trained)
    assert "give --arch ncls_ms_tiny" in refused(toy, "--target-layout", "mclas", *start)
    smaller = ("--finetune-from-model", toy.trained("ms"), "--decoder-layers", "2")
    assert "it has no decoder.layers.1" in refused(toy, *FLAGS, *smaller)


def test_choice_of_decoder_is_refused_for_a_model_of_one(toy: "Toy") -> None:
    words = (toy.data_bin, "--path", toy.trained("mclas"), *toy.search, "--summary-decoder", "ms")
    assert "only models of layout ncls_ms" in str(toy.fails("generate", *words))
    model = ("--checkpoint", toy.trained("mclas"), "--data", toy.data_bin)
    with pytest.raises(AssertionError, match="only models of layout ncls_ms have two decoders"):
        toy.mclas("summarize", *model, *SEARCH, "--summary-decoder", "both", stdin="Some text .\n")
