"""`mclas roundtrip` from flags to files, and its refusals."""

import argparse
import importlib.util
import json
import os
import signal
from pathlib import Path

import pytest

from mclas_fairseq.cli import main, roundtrip
from mclas_fairseq.cli.parts.roundtrip_translation import run_options
from mclas_fairseq.roundtrip.cleaning import duplicates

LINES = ["Cats sleep under trees.", "Rain falls over roads.", "Dogs bark."]


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    records = [{"id": str(n), "summary": {"en": text}} for n, text in enumerate(LINES)]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(one) + "\n" for one in records))
    return [
        "roundtrip", "--in", str(tmp_path / "in.jsonl"), "--source-lang", "en",
        "--target-lang", "de", "--forward", "command:sed s/Rain.*/Regen/",
        "--backward", "command:cat", "--out", str(tmp_path / "out"),
    ]  # fmt: skip


def ids(path: Path) -> list[str]:
    return [json.loads(line)["id"] for line in path.read_text().splitlines()]


def test_a_corpus_is_made_reported_and_filtered_again(
    tmp_path: Path, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main([*flags, "--workers", "2", "--shard-lines", "2"]) == 0
    printed = capsys.readouterr()
    assert "kept                 2   66.7 %" in printed.out
    assert f"written to {out}: corpus.jsonl, {out}/rejected.jsonl, report.json" in printed.out
    assert "2 of 2 shards, 3 of 3 pairs, " in printed.err
    assert (ids(out / "corpus.jsonl"), ids(out / "rejected.jsonl")) == (["0", "2"], ["1"])
    assert (out / "scores.png").read_bytes().startswith(b"\x89PNG")
    assert json.loads((out / "report.json").read_text())["kept"] == 2
    elsewhere = tmp_path / "no.jsonl"
    again = ["roundtrip", "--rescore", "--out", str(out), "--t1", "0", "--t2", "0"]
    assert main([*again, "--rejected", str(elsewhere)]) == 0
    assert (ids(out / "corpus.jsonl"), ids(elsewhere)) == (["0", "1", "2"], [])
    capsys.readouterr()
    assert main([*again, "--clean", "copied", "--max-copied", "0.9"]) == 0
    assert "2  copied words" in capsys.readouterr().out, "the forward program copies two of three"
    assert ids(out / "corpus.jsonl") == ["1"]
    histogram = json.loads((out / "report.json").read_text())["histogram"]
    assert (histogram["copied"][0], histogram["copied"][-1]) == (1, 2)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--t1", "60"], "--t1 60: must be from 0 to 1 (ROUGE is a share here, not points)"),
        (["--t2", "-0.1"], "--t2 -0.1: must be from 0 to 1"),
        (["--protocol", "rouge-x"], "but is 'rouge-x'; change --protocol"),
        (["--fill", "fr"], "--fill fr: must be one of en and de"),
        (["--forward", "google:en-de"], "translator 'google:en-de': must be one of fairseq:"),
        (["--beam", "0"], "--beam 0: must be at least 1"),
        (["--executor-options", "gpu"], "--executor-options 'gpu': must be KEY=VALUE"),
        (["--executor", "slurm"], "--executor slurm: needs time and partition"),
        (["--rescore"], "--rescore: takes what was translated from"),
        (
            ["--rejected", "IN"],
            "in.jsonl: must not be what is read, but is that of --in",
        ),
        (
            ["--rejected", "OUT/corpus.jsonl"],
            "corpus.jsonl: must not be what is read, but is that of the run itself",
        ),
        (["--in", "absent.jsonl"], "absent.jsonl: must be a readable file, but is not"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    tmp_path: Path, flags: list[str], more: list[str], message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    names = {"IN": str(tmp_path / "in.jsonl"), "OUT/corpus.jsonl": f"{tmp_path}/out/corpus.jsonl"}
    before = (tmp_path / "in.jsonl").read_bytes()
    assert main([*flags, *(names.get(word, word) for word in more)]) == 2
    assert (tmp_path / "in.jsonl").read_bytes() == before
    printed = capsys.readouterr()
    assert f"mclas roundtrip: error: {message}" in printed.err or message in printed.err
    assert "Traceback" not in printed.err


@pytest.mark.parametrize("flag", ["--in", "--source-lang", "--target-lang", "--backward"])
def test_what_is_needed_to_translate_is_asked_for(
    flags: list[str], flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    place = flags.index(flag)
    assert main(flags[:place] + flags[place + 2 :]) == 2
    assert f"{flag}: needed to translate, but not given; give it, or" in capsys.readouterr().err


def test_what_is_looked_at_before_translating_is_refused_where_nothing_is_translated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["roundtrip", "--rescore", "--out", str(tmp_path / "out"), "--held-out", "x.jsonl"]
    assert main(asked) == 2
    assert "so --held-out may not be given; leave it out" in capsys.readouterr().err


def test_each_translator_may_have_a_precision_of_its_own(flags: list[str]) -> None:
    parser = argparse.ArgumentParser()
    roundtrip.add_arguments(parser)
    args = parser.parse_args([*flags[1:], "--precision", "float16", "--backward-precision", "int8"])
    translators = run_options(args).translators
    assert translators.forward_options.precision == "float16"
    assert translators.backward_options.precision == "int8"


def test_a_run_killed_while_it_cleans_its_input_can_be_started_again(
    tmp_path: Path, flags: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    child = os.fork()
    if child == 0:
        monkeypatch.setattr(duplicates, "text_of", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
        main([*flags, "--clean", "duplicates"])
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert main([*flags, "--clean", "duplicates"]) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    results = {"corpus.jsonl", "rejected.jsonl", "report.json", "scores.png"}
    assert names == {*results, "settings.json", "lock", "work"}
    assert not list(tmp_path.rglob(".cleaning-*"))


@pytest.mark.skipif(importlib.util.find_spec("ray") is not None, reason="ray is installed")
def test_ray_that_is_not_installed_is_named_with_its_remedy(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*flags, "--executor", "ray"]) == 2
    assert (
        "--executor ray: needs the package ray, which is not installed; pip install"
        " 'mclas-fairseq[ray]'" in capsys.readouterr().err
    )


def test_shards_that_fail_end_with_another_status_and_the_paths_of_their_logs(
    tmp_path: Path, flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--backward", "command:grep -v Regen", "--shard-lines", "1", "--retries", "0"]
    assert main([*flags, *more]) == 2
    printed = capsys.readouterr().err
    assert "1 of 3 shards could not be translated; the others are done" in printed
    log = tmp_path / "out" / "work" / "logs" / "shard_00001.attempt_1.log"
    assert str(log) in printed
    assert "grep" in log.read_text()
