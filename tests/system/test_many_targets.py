"""Several target languages in one decoder, through fairseq's commands and ours, on the toy."""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import mclas_fairseq
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.forced_scoring import score_hypotheses
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.summarization.task import (
    CrossLingualSummarizationConfig,
    CrossLingualSummarizationTask,
)

if TYPE_CHECKING:
    from tests.system.conftest import Toy

SEARCH = DecodingOptions(beam=3, max_len_b=20, no_repeat_ngram_size=3)
SEARCH_FLAGS = "--beam 3 --max-len-b 20 --no-repeat-ngram-size 3 --batch-size 4 --cpu".split()


@pytest.fixture(scope="module")
def many(toy: "Toy") -> "Toy":
    """The toy with German and Chinese in one decoder."""
    (toy.folder / "many").mkdir()
    return replace(toy, folder=toy.folder / "many", logs={}, targets=("--target-langs", "de,zh"))


@pytest.fixture(scope="module", params=["mclas", "ncls"])
def layout(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def summaries(many: "Toy", layout: str) -> list[dict[str, Any]]:
    """What fairseq-generate and mclas extract give of both languages."""
    return many.summaries(many.generate(many.trained(layout)))


def task_of(data: Path, **settings: Any) -> CrossLingualSummarizationTask:
    cfg = CrossLingualSummarizationConfig(
        data=str(data), **{"target_langs": "de,zh", "save_dir": "", **settings}
    )
    return CrossLingualSummarizationTask.setup_task(cfg)


def batches(task: CrossLingualSummarizationTask, split: str) -> Iterator[dict[str, Any]]:
    dataset = task.dataset(split)
    for batch in dataset.batch_by_size(dataset.ordered_indices(), max_sentences=7):
        yield dataset.collater([dataset[int(index)] for index in batch])


def test_each_summary_in_a_target_language_is_an_example_of_its_own(
    many: "Toy", layout: str
) -> None:
    task = task_of(many.data_bin, target_layout=layout)
    task.load_dataset("train", epoch=1)
    data_bin = DataBin.open(many.data_bin)
    symbols = [data_bin.target_separator(code) for code in ("de", "zh")]
    pad, bos = task.dictionary.pad(), task.dictionary.bos()
    seen = []
    for batch in batches(task, "train"):
        for place, (row, number) in enumerate(
            zip(batch["id"].tolist(), batch["target_lang"].tolist(), strict=True)
        ):
            language = ("de", "zh")[number]
            seen.append((row, language))
            inputs = batch["net_input"]["prev_output_tokens"][place]
            target = batch["target"][place]
            summary = many.rows["train"][row]["summary"]
            if layout == "mclas":
                assert inputs[0] == bos
                assert [token for token in target if token in symbols] == [symbols[number]]
                expected = {"en": summary["en"][0], language: summary[language][0]}
                tokens = target[target.ne(pad)].tolist()
            else:
                assert inputs[0] == symbols[number]
                expected = {language: summary[language][0]}
                tokens = [symbols[number], *target[target.ne(pad)].tolist()]
            found = task.summary_text().summaries(tokens)
            assert list(found) == list(expected)
            for code, text in found.items():
                assert text == expected[code] or "unk" in text
            document = batch["net_input"]["src_tokens"][place]
            assert (
                document[document.ne(pad)][:5].tolist()
                == task.dataset("train").src.side[row][:5].tolist()
            )
    needed = (
        {"de": {"en", "de"}, "zh": {"en", "zh"}}
        if layout == "mclas"
        else {"de": {"de"}, "zh": {"zh"}}
    )
    wanted = [
        (row, language)
        for row, record in enumerate(many.rows["train"])
        for language, codes in needed.items()
        if codes <= set(record["summary"])
    ]
    assert sorted(seen) == sorted(wanted)
    assert len(wanted) > len(many.rows["train"])


def test_every_document_is_written_in_both_languages_and_extracted(
    many: "Toy", layout: str, summaries: list[dict[str, Any]]
) -> None:
    assert [row["id"] for row in summaries] == [row["id"] for row in many.rows["test"]]
    codes = ["en", "de", "zh"] if layout == "mclas" else ["de", "zh"]
    for row in summaries:
        assert list(row["summary"]) == codes
        assert list(row["targets"]) == ["de", "zh"]
        assert all(row["summary"].values())
        for language, found in row["targets"].items():
            assert list(found["summary"]) == [*codes[:-2], language]
            assert found["score"] < 0
        assert row["summary"]["zh"] == row["targets"]["zh"]["summary"]["zh"]
        if layout == "mclas":
            assert row["summary"]["en"] == row["targets"]["de"]["summary"]["en"]


def test_one_language_alone_is_what_it_is_among_both(
    many: "Toy", layout: str, summaries: list[dict[str, Any]]
) -> None:
    alone = replace(many, targets=("--target-langs", "zh"))
    found = alone.summaries(alone.generate(many.trained(layout)))
    for row, both in zip(found, summaries, strict=True):
        assert list(row["targets"]) == ["zh"]
        assert row["summary"] == both["targets"]["zh"]["summary"]
        score = both["targets"]["zh"]["score"]
        assert row["targets"]["zh"]["score"] == pytest.approx(score, abs=1e-4)
    # --target-lang names one of several as well.
    named = replace(many, targets=("--target-lang", "zh"))
    assert named.summaries(named.generate(many.trained(layout))) == found


def test_summarize_and_python_give_the_summaries_of_fairseq_generate(
    many: "Toy", layout: str, summaries: list[dict[str, Any]]
) -> None:
    model = ("--checkpoint", many.trained(layout), "--data", many.data_bin, *SEARCH_FLAGS)
    records = [{"id": row["id"], "document": row["document"]} for row in many.rows["test"]]
    stdin = "".join(json.dumps(row) + "\n" for row in records)
    written = [
        json.loads(line) for line in many.mclas("summarize", *model, stdin=stdin).splitlines()
    ]
    for row, other in zip(written, summaries, strict=True):
        assert (row["id"], row["summary"]) == (other["id"], other["summary"])
        for language, found in row["targets"].items():
            score = other["targets"][language]["score"]
            assert found["score"] == pytest.approx(score, abs=1e-4)
    text = "".join(" ".join(row["document"]["en"]) + "\n" for row in many.rows["test"])
    lines = many.mclas("summarize", *model, "--target-langs", "zh,de", stdin=text).splitlines()
    assert lines == [f"{row['summary']['zh']}\t{row['summary']['de']}" for row in summaries]
    summarizer = mclas_fairseq.load(
        many.trained(layout), data=many.data_bin, device="cpu", options=SEARCH, target_langs=["zh"]
    )
    one = summarizer.summarize(text.splitlines()[0])
    assert one.text == summaries[0]["summary"]["zh"]
    assert list(one.targets) == list(summarizer.target_langs) == ["zh"]


def test_a_bundle_writes_all_languages(
    many: "Toy", layout: str, summaries: list[dict[str, Any]]
) -> None:
    bundle = many.folder / f"bundle-{layout}"
    model = ("--checkpoint", many.trained(layout), "--data", many.data_bin)
    many.mclas("export", *model, "--name", "several", "--out", bundle)
    documents = [" ".join(row["document"]["en"]) for row in many.rows["test"]]
    found = mclas_fairseq.load(bundle, device="cpu", options=SEARCH).summarize(documents)
    assert [one.summary for one in found] == [row["summary"] for row in summaries]
    for chosen in (["zh"], "zh"):  # also as the flag has it
        summarizer = mclas_fairseq.load(bundle, device="cpu", options=SEARCH, target_langs=chosen)
        (one,) = summarizer.summarize(documents[:1])
        assert one.text == summaries[0]["summary"]["zh"]


def test_attention_is_that_of_the_first_language(
    many: "Toy", layout: str, summaries: list[dict[str, Any]]
) -> None:
    document = " ".join(many.rows["test"][0]["document"]["en"])
    model = (many.trained(layout),)
    found = mclas_fairseq.load(
        *model, data=many.data_bin, device="cpu", options=SEARCH, target_langs=["zh", "de"]
    ).attention(document)
    assert found.languages == (("en", "zh") if layout == "mclas" else ("zh",))
    start = "<s>" if layout == "mclas" else "[LSEP:zh]"
    assert found.inputs[0] == start
    assert found.tokens[-1] == "</s>"
    rows = found.within.sum(axis=1)
    assert rows == pytest.approx([1.0] * len(found.tokens), abs=1e-4)
    if layout == "mclas":
        assert found.separator is not None
        assert found.tokens[found.separator] == "[LSEP:zh]"
        assert found.between().shape == (len(found.second), len(found.first))
    else:
        assert found.separator is None


def test_validate_resume_and_a_subset_take_several_languages(many: "Toy", layout: str) -> None:
    words = ("--path", many.trained(layout), "--batch-size", 4, "--valid-subset", "valid")
    log = many.fairseq("validate", many.data_bin, *words)
    assert re.search(r"cls_nll_loss \d", log)
    subset = ("--target-layout", layout, "--train-subset-size", 6)
    folder = many.train(f"subset-{layout}", *subset)
    ids = (folder / "train_subset.txt").read_text(encoding="utf-8").split()
    assert len(ids) == 6
    complete = {row["id"] for row in many.rows["train"] if len(row["summary"]) == 3}
    assert set(ids) <= complete
    many.train(f"subset-{layout}", *subset, "--max-update", 3)
    assert "loaded checkpoint" in many.logs[f"subset-{layout}"].lower()
    state = load_checkpoint(folder / "checkpoint_last.pt")["task_state"]
    assert state["target_langs"] == ["de", "zh"]
    assert state["subset_ids"] == ids


def test_forced_scores_are_those_of_search_in_a_mixed_batch(many: "Toy", layout: str) -> None:
    summarizer = Summarizer.load([many.trained(layout)], many.data_bin, SEARCH, device="cpu")
    task = summarizer.task
    task.load_dataset("test")
    mixed = 0
    for batch in batches(task, "test"):
        mixed += len(set(batch["target_lang"].tolist())) == 2
        hypotheses = task.inference_step(summarizer.search.generator, summarizer.models, batch)
        tokens = [[one["tokens"] for one in found] for found in hypotheses]
        scored = score_hypotheses(summarizer.search.generator, batch, tokens)
        for found, scores in zip(hypotheses, scored, strict=True):
            for one, score in zip(found, scores, strict=True):
                torch.testing.assert_close(
                    one["positional_scores"], score.positional_scores, atol=1e-4, rtol=0
                )
                assert float(one["score"]) == pytest.approx(float(score.score), abs=1e-4)
    assert mixed


def test_references_are_scored_under_the_plan_of_their_language(many: "Toy", layout: str) -> None:
    log = many.generate(many.trained(layout), "--score-reference", "--gen-subset", "train")
    scores = [float(one) for one in re.findall(r"^H-\d+\t(\S+)", log, re.MULTILINE)]
    assert len(scores) == 2 * len(many.rows["train"])
    # Every piece of a training summary is in the vocabulary of its language; only what is cut to
    # the longest target, or no summary at all, is not a hypothesis of the grammar.
    missing = sum(not {"en", "de", "zh"} <= set(row["summary"]) for row in many.rows["train"])
    assert sum(score == -math.inf for score in scores) <= 2 * missing
    assert sum(-100 < score < 0 for score in scores) > len(scores) / 2


def test_scorer_and_mclas_score_see_each_summary_once(many: "Toy", tmp_path: Path) -> None:
    log = many.generate(many.trained("mclas"), "--scoring", "rouge")
    (tmp_path / "log").write_text(log, encoding="utf-8")
    references = many.write(tmp_path / "test.jsonl", many.rows["test"])
    for language in ("de", "zh", "en"):
        (line,) = re.findall(rf"^{language}: (.*)$", log, re.MULTILINE)
        have = sum(language in row["summary"] for row in many.rows["test"])
        assert f"({have} documents)" in line
        printed = many.mclas(
            *("score", "--hyp", tmp_path / "log", "--ref", references, "--lang", language),
            *("--data", many.data_bin, "--json", tmp_path / f"{language}.json"),
        )
        value = re.search(r"R-1 (\d+\.\d+)", line)
        assert value is not None
        assert value[1] in printed


def test_validation_logs_both_languages_together(many: "Toy") -> None:
    many.train("rouge", "--eval-rouge", "--eval-rouge-documents", 3, "--target-layout", "ncls")
    assert "rouge1" in many.logs["rouge"]
    assert "ms_rouge1" not in many.logs["rouge"]


def test_what_travels_with_the_checkpoint(many: "Toy", toy: "Toy") -> None:
    state = load_checkpoint(many.trained("mclas"))["task_state"]
    assert state["target_langs"] == ["de", "zh"]
    assert set(state["vocabularies"]) == {"en", "de", "zh"}
    assert "target_langs" not in load_checkpoint(toy.trained("mclas"))["task_state"]


def test_languages_that_cannot_be_written_are_refused(many: "Toy", toy: "Toy") -> None:
    def fails(targets: tuple[str, ...], *words: object) -> str:
        return str(replace(many, targets=targets).fails("generate", many.data_bin, *words))

    several = ("--path", many.trained("mclas"), *many.search)
    single = ("--path", toy.trained("mclas"), *many.search)
    assert "trained to write de, not zh" in fails(("--target-langs", "zh"), *single)
    assert "the data-bin" in fails(("--target-langs", "fr"), *several)
    assert "give one of them" in fails(("--target-langs", "zh", "--target-lang", "de"), *several)
    assert "each once" in fails(("--target-langs", "zh,zh"), *several)
    with pytest.raises(ConfigError, match="trained to write de, zh, not fr"):
        Summarizer.load([many.trained("mclas")], many.data_bin, target_langs=["fr"])


def test_layouts_that_cannot_be_told_the_language_are_refused(many: "Toy") -> None:
    words = (many.data_bin, *many.recipe, "--save-dir", many.folder / "refused")
    message = str(
        many.fails("train", *words, "--target-layout", "ncls_ms", "--arch", "ncls_ms_tiny")
    )
    assert "for --target-layout mclas and ncls, not ncls_ms" in message
    # The monolingual summarizer writes the document's language, whatever the targets.
    assert not task_of(many.data_bin, target_layout="ms").targets.several


def test_a_target_language_without_summaries_is_named(many: "Toy") -> None:
    rows = json.loads(json.dumps(many.rows))
    for split in rows.values():
        for row in split:
            row["summary"].pop("zh", None)
    data = many.prepare("german", rows)
    words = (data, *many.recipe, "--save-dir", many.folder / "none")
    message = str(many.fails("train", *words))
    assert "needs records with summaries in en and zh, none has them all" in message


def test_an_older_dictionary_is_kept_by_like_and_completed_by_extend(
    many: "Toy", tmp_path: Path
) -> None:
    german = json.loads(json.dumps(many.rows))
    for split in german.values():
        for row in split:
            row["summary"].pop("zh", None)
    older = prepare_one(many, tmp_path / "older", german, "de")
    assert "[LSEP:de]" not in DataBin.open(older).dictionary
    like = many.prepare("like", many.rows, "--like", older, "--max-unknown", "1")
    assert (
        DataBin.open(like).manifest.dictionary_sha256
        == DataBin.open(older).manifest.dictionary_sha256
    )
    message = str(many.fails("train", like, *many.recipe, "--save-dir", many.folder / "older"))
    assert "its dictionary lacks [LSEP:de]" in message
    assert "--extend, which adds a language to it, adds all separators" in message

    extended = many.prepare(
        "extended",
        many.rows,
        "--like",
        older,
        "--extend",
        "zh",
        "--vocab-size",
        150,
        "--max-unknown",
        1,
    )
    symbols = DataBin.open(extended).dictionary.symbols
    assert symbols[-2:] == ["[LSEP:de]", "[LSEP:zh]"]
    single = replace(many, targets=("--target-lang", "de"))
    start = single.train("older", data=older) / "checkpoint_last.pt"
    grown = tmp_path / "grown.pt"
    many.mclas("extend", "--checkpoint", start, "--data", extended, "--out", grown)
    rows = load_checkpoint(grown)["model"]["encoder.embed_tokens.weight"]
    separator = DataBin.open(older).separator
    assert torch.equal(rows[-1], rows[separator])
    many.train("grown", "--finetune-from-model", grown, data=extended)


def prepare_one(many: "Toy", folder: Path, rows: dict[str, Any], target: str) -> Path:
    folder.mkdir()
    files: list[object] = []
    for split, content in rows.items():
        files += [f"--{split}", many.write(folder / f"{split}.jsonl", content)]
    languages = ("--source-lang", "en", "--target-lang", target)
    many.mclas("prepare", *languages, *files, "--vocab-size", 400, "--out", folder / "bin")
    return folder / "bin"


def test_interactive_writes_one_language_at_a_time(many: "Toy") -> None:
    words = (many.data_bin, "--path", many.trained("ncls"), "--beam", 3, "--max-len-b", 20)
    document = " ".join(many.rows["test"][0]["document"]["en"]) + "\n"
    chinese = replace(many, targets=("--target-langs", "zh"))
    log = chinese.fairseq("interactive", *words, stdin=document)
    (found,) = re.findall(r"^D-0\t\S+\t(.*)$", log, re.MULTILINE)
    assert found.startswith("[LSEP:zh] ")
    with pytest.raises(ConfigError, match="one language at a time"):
        many.fairseq("interactive", *words, stdin=document)
