"""fairseq-generate, fairseq-interactive, fairseq-validate and mclas extract on the toy."""

import json
import math
import os
import re
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.evaluation.rouge import score_rouge

if TYPE_CHECKING:
    from tests.system.conftest import Toy

METRICS = {"rouge1": "R-1", "rouge2": "R-2", "rougeL": "R-L", "rougeLsum": "R-Lsum"}


def lines(log: str, kind: str) -> list[tuple[int, list[str]]]:
    """Row and tab-separated fields of the lines of one kind (S, T, H, D, P), in their order."""
    found = re.findall(rf"^{kind}-(\d+)\t(.*)$", log, re.MULTILINE)
    return [(int(row), fields.split("\t")) for row, fields in found]


@pytest.fixture(scope="module")
def log(toy: "Toy") -> str:
    """What fairseq-generate prints for the mclas checkpoint, scored."""
    return toy.generate(toy.trained("mclas"), "--scoring", "rouge")


@pytest.fixture(scope="module")
def untrained(toy: "Toy") -> Path:
    """A checkpoint that knows nothing of either language yet."""
    return toy.train("untrained", "--lr", "1e-9") / "checkpoint_last.pt"


def test_extract_gives_every_document_in_input_order_with_its_id(toy: "Toy", log: str) -> None:
    rows = [row for row, _ in lines(log, "D")]
    assert rows != sorted(rows), "batches by length are not in input order"
    summaries = toy.summaries(log)
    assert [row["id"] for row in summaries] == [row["id"] for row in toy.rows["test"]]
    texts = {row: fields for row, fields in lines(log, "D")}
    for row, summary in enumerate(summaries):
        score, text = texts[row]
        assert text.split(" [LSEP] ") == [summary["summary"]["en"], summary["summary"]["de"]]
        assert summary["score"] == float(score)
        assert all(summary["summary"].values())


def test_command_writes_log_and_hypotheses_to_one_file_that_extract_reads(
    toy: "Toy", log: str, tmp_path: Path
) -> None:
    command = Path(sysconfig.get_path("scripts")) / "fairseq-generate"
    words = [toy.data_bin, "--path", toy.trained("mclas"), *toy.search, *toy.flags()]
    done = subprocess.run(
        [command, *map(str, words), "--results-path", tmp_path],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    written = (tmp_path / "generate-test.txt").read_text(encoding="utf-8")
    assert toy.summaries(written) == toy.summaries(log)


def with_echoing_references(toy: "Toy", name: str, summaries: list[dict[str, Any]]) -> Path:
    """The data-bin with other references: the second begins as what was written."""
    rows = json.loads(json.dumps(toy.rows))
    for row, written in zip(rows["test"], summaries, strict=True):
        for language in row["summary"]:
            words = written["summary"].get(language, "").split()
            second = " ".join([*words[:2], "and more"])
            row["summary"][language] = ["Nothing of it was said in Berlin.", second]
    return toy.prepare(name, rows, "--like", toy.data_bin)


@pytest.fixture(scope="module")
def echo(toy: "Toy", log: str) -> Path:
    """References that repeat the summaries of the mclas checkpoint."""
    return with_echoing_references(toy, "echo", toy.summaries(log))


@pytest.fixture(scope="module")
def echo_log(toy: "Toy", echo: Path) -> str:
    """Generation scored against the references of `echo`."""
    return toy.generate(toy.trained("mclas"), "--scoring", "rouge", data=echo)


def test_generation_does_not_depend_on_the_references(log: str, echo_log: str) -> None:
    assert dict(lines(echo_log, "T")) != dict(lines(log, "T"))
    before, after = dict(lines(log, "D")), dict(lines(echo_log, "D"))
    assert len(before) == 14
    for row, (score, text) in before.items():
        assert text == after[row][1]
        assert float(score) == pytest.approx(float(after[row][0]), abs=1e-4)


def test_scores_are_those_of_mclas_score_target_language_first(
    toy: "Toy", echo: Path, echo_log: str, tmp_path: Path
) -> None:
    hypotheses = toy.write(tmp_path / "summaries.jsonl", toy.summaries(echo_log, data=echo))
    printed = echo_log[echo_log.index("Generate test with beam=3: ROUGE F1") :].splitlines()
    assert [line[:3] for line in printed[1:3]] == ["de:", "en:"]
    for language, line in zip(("de", "en"), printed[1:3], strict=True):
        report = tmp_path / f"{language}.json"
        toy.mclas(
            "score", "--hyp", hypotheses, "--ref", echo / "references.test.jsonl",
            "--lang", language, "--json", report,
        )  # fmt: skip
        system = json.loads(report.read_text())["systems"][0]
        assert system["documents"] == 13
        assert f"({system['documents']} documents)" in line
        assert system["metrics"]["rouge1"]["mean"] > 0, "otherwise this test would show nothing"
        for metric, short in METRICS.items():
            value = re.search(rf"{short} ([\d.]+) \[", line)
            assert value is not None
            expected = system["metrics"][metric]
            assert float(value[1]) == pytest.approx(expected["mean"], abs=0.006)
            assert expected["signature"].split("|")[1:4] == line.split("|")[1:4]


def test_layout_of_the_checkpoint_wins_over_the_flag(toy: "Toy", log: str) -> None:
    other = toy.generate(toy.trained("mclas"), "--target-layout", "ncls")
    assert "has ('mclas', 'en', 'de'), which wins over the flags' ('ncls', 'en', 'de')" in other
    assert lines(other, "D") == lines(log, "D")
    single = toy.generate(toy.trained("ncls"), "--target-layout", "mclas")
    assert len(lines(single, "D")) == 14
    assert "[LSEP]" not in "".join(fields[1] for _, fields in lines(single, "H"))


def test_nbest_hypotheses_are_all_extracted_best_first(toy: "Toy", log: str) -> None:
    summaries = toy.summaries(toy.generate(toy.trained("mclas"), "--nbest", "3"))
    best = toy.summaries(log)
    for row, one in zip(summaries, best, strict=True):
        assert (row["id"], row["summary"]) == (one["id"], one["summary"])
        scores = [hypothesis["score"] for hypothesis in row["nbest"]]
        assert len(scores) == 3
        assert scores == sorted(scores, reverse=True)
        assert row["nbest"][0]["summary"] == row["summary"]
        assert len({json.dumps(hypothesis["summary"]) for hypothesis in row["nbest"]}) == 3


def test_score_reference_scores_the_targets_under_the_restriction(toy: "Toy") -> None:
    scores = {}
    for restrict in ("both", "none"):
        flags = ("--gen-subset", "train", "--score-reference", "--restrict-vocab", restrict)
        printed = toy.generate(toy.trained("mclas"), *flags)
        targets = dict(lines(printed, "T"))
        for row, (score, text) in lines(printed, "D"):
            assert [text] == targets[row]
            scores[restrict, row] = float(score)
    # A target without one of its summaries is not a hypothesis.
    rows = [row for row, record in enumerate(toy.rows["train"]) if len(record["summary"]) == 3]
    assert len(rows) == 34
    # What the vocabularies leave out leaves more for the rest.
    assert all(scores["both", row] > scores["none", row] > -math.inf for row in rows)


@pytest.mark.parametrize(
    ("restrict", "kept"), [("both", {"en", "de"}), ("target", {"de"}), ("none", set())]
)
def test_summaries_keep_to_the_vocabularies_that_restrict_vocab_names(
    toy: "Toy", untrained: Path, restrict: str, kept: set[str]
) -> None:
    data_bin = DataBin.open(toy.data_bin)
    vocabularies = {lang: set(data_bin.vocabulary(lang).symbols) for lang in ("en", "de")}
    printed = toy.generate(untrained, "--restrict-vocab", restrict, "--nbest", "3")
    written: dict[str, set[str]] = {"en": set(), "de": set()}
    for _, (_, text) in lines(printed, "H"):
        for language, half in zip(written, text.split("[LSEP]"), strict=True):
            written[language].update(half.split())
    assert {lang for lang in written if written[lang] <= vocabularies[lang]} == kept


@pytest.mark.parametrize("kind", ["fairseq", "gnmt"])
def test_length_penalty_divides_the_sum_of_log_probabilities(toy: "Toy", kind: str) -> None:
    flags = ("--length-penalty", kind, "--lenpen", "0.7", "--nbest", "3")
    printed = toy.generate(toy.trained("mclas"), *flags)
    hypotheses, positional = lines(printed, "H"), lines(printed, "P")
    assert len(hypotheses) == 42
    for (_, (score, _)), (_, (numbers,)) in zip(hypotheses, positional, strict=True):
        bits = [float(number) for number in numbers.split()]
        length = len(bits)
        penalty = length**0.7 if kind == "fairseq" else ((5 + length) / 6) ** 0.7
        assert float(score) == pytest.approx(sum(bits) / penalty, abs=2e-3)


def test_every_document_is_decoded_also_those_longer_than_the_models_positions(
    toy: "Toy", log: str
) -> None:
    data_bin = DataBin.open(toy.data_bin)
    side = data_bin.side("test", "document")
    assert side is not None
    long = {row for row in range(14) if side.sizes[row] > 96}
    assert long & {row for row, _ in lines(log, "D")}
    assert re.search(r"test: \d+ of 14 documents are cut to 96 tokens", log)


def test_references_for_scoring_are_not_cut(toy: "Toy") -> None:
    folder = toy.train("short-targets", "--max-target-positions", "12")
    assert "training targets are cut to 12 tokens; references for scoring" in toy.logs[folder.name]
    checkpoint, flags = folder / "checkpoint_last.pt", ("--min-len", "5", "--scoring", "rouge")
    summaries = toy.summaries(toy.generate(checkpoint, *flags))
    data = with_echoing_references(toy, "echo-of-short", summaries)
    printed = toy.generate(checkpoint, *flags, data=data)
    cut = [text.split(" [LSEP] ")[-1] for _, (text,) in lines(printed, "T")]
    kept = [row["summary"] for row in toy.read(data.parent / "test.jsonl")]
    assert not set(cut) & {row["de"][0] for row in kept if "de" in row}, "T- lines are cut targets"
    for language in ("de", "en"):
        scored = [place for place, row in enumerate(kept) if language in row]
        expected = score_rouge(
            [summaries[place]["summary"][language] for place in scored],
            [kept[place][language] for place in scored],
            language=language,
        ).mean("rouge1")
        assert expected > 0, "otherwise this test would show nothing"
        value = re.search(rf"\n{language}: R-1 ([\d.]+)", printed)
        assert value is not None
        assert float(value[1]) == pytest.approx(expected, abs=0.006)


def test_documents_without_references_are_decoded_and_not_scored(toy: "Toy") -> None:
    rows = json.loads(json.dumps(toy.rows))
    for row in rows["test"]:
        row["summary"] = {"zh": row["summary"].get("zh", ["x"])}
    data = toy.prepare("only-chinese", rows, "--like", toy.data_bin, "--max-unknown", 1)
    printed = toy.generate(toy.trained("ncls"), "--scoring", "rouge", data=data)
    assert "test: 14 of 14 records have no summary in de" in printed
    assert "ROUGE" not in printed
    assert len(toy.summaries(printed, data=data)) == 14


def test_interactive_writes_for_raw_text_what_generate_writes(toy: "Toy", log: str) -> None:
    documents = [" ".join(row["document"]["en"]) for row in toy.rows["test"]]
    flags = "--beam 3 --max-len-b 20 --no-repeat-ngram-size 3 --buffer-size 20 --batch-size 4"
    source = toy.folder / "documents.txt"
    source.write_text("\n".join(documents) + "\n")
    printed = toy.fairseq(
        "interactive", toy.data_bin, "--path", toy.trained("mclas"), "--input", source,
        *flags.split(),
    )  # fmt: skip
    expected = [text for _, (_, text) in sorted(lines(log, "D"))]
    assert [text for _, (_, text) in lines(printed, "D")] == expected


def test_validate_gives_the_loss_of_the_trainings_last_validation(toy: "Toy") -> None:
    checkpoint = toy.trained("mclas")
    flags = ("--valid-subset", "valid", "--batch-size", "8", "--log-format", "simple")
    printed = toy.fairseq("validate", toy.data_bin, "--path", checkpoint, *flags)
    for name in ("loss", "ms_nll_loss", "cls_nll_loss"):
        pattern = rf"\| valid \|.* {name} ([\d.]+)"
        validated, trained = (re.findall(pattern, text) for text in (printed, toy.logs["mclas"]))
        assert validated[-1] == trained[-1]


def test_validate_decodes_the_split_that_it_is_given(toy: "Toy", echo: Path) -> None:
    search = {"beam": 3, "max_len_b": 20, "no_repeat_ngram_size": 3}
    flags = ("--eval-rouge", "--eval-rouge-documents", "0", "--eval-rouge-args", json.dumps(search))
    # The same weights as the mclas checkpoint, whose summaries the references repeat.
    checkpoint = toy.train("decoding", "--target-layout", "mclas", *flags) / "checkpoint_last.pt"
    printed = toy.fairseq(
        "validate", echo, "--path", checkpoint, "--valid-subset", "test,valid,train",
        "--batch-size", "8", "--log-format", "simple",
    )  # fmt: skip
    logged = {name: re.findall(rf"\| {name} \| .*", printed)[-1] for name in ("test", "train")}
    written = {row["id"]: row["summary"] for row in toy.summaries(toy.generate(checkpoint))}
    complete = [row for row in toy.read(echo.parent / "test.jsonl") if len(row["summary"]) == 3]
    for language, name in (("de", "rouge1"), ("en", "ms_rouge1")):
        expected = score_rouge(
            [written[row["id"]][language] for row in complete],
            [row["summary"][language] for row in complete],
            language=language,
        ).mean("rouge1")
        value = re.search(rf"\| {name} ([\d.]+)", logged["test"])
        assert value is not None
        assert float(value[1]) == pytest.approx(expected, abs=0.006)
        assert expected > 0
    assert "rouge1" not in logged["train"], "no raw references are kept of training documents"
