"""What a run says while it goes on and when it is finished."""

import logging
from pathlib import Path

import pytest

from mclas_fairseq.roundtrip.options import Direction, FilterOptions
from mclas_fairseq.roundtrip.plot import draw_scores
from mclas_fairseq.roundtrip.progress import Progress
from mclas_fairseq.roundtrip.report import Report
from mclas_fairseq.roundtrip.scoring import PairScores
from mclas_fairseq.roundtrip.shard_files import Cut
from mclas_fairseq.roundtrip.statistics import Statistics
from mclas_fairseq.roundtrip.watching import Failure


@pytest.fixture
def report() -> Report:
    statistics = Statistics(sentence_share=1.0)
    for scores in (PairScores(1.0, 1.0), PairScores(0.65, 0.3), PairScores(0.5, 0.1)):
        statistics.add_scores([scores])
    statistics.count(None, complete=False)
    statistics.count(None, complete=False)
    statistics.count(None, complete=True)
    statistics.count("ROUGE-1 below T1", complete=False)
    statistics.count("no summary in en", complete=True)
    statistics.count("no summary in en", complete=True)
    direction = Direction("en", "de", made="de")
    return Report(direction, "summary", FilterOptions(), statistics, identity={"t1": 0.6})


def test_the_report_counts_kept_and_rejected_records_with_reasons(report: Report) -> None:
    lines = [" ".join(line.split()) for line in report.lines()]
    assert lines[:6] == [
        "records 6",
        "kept 3 50.0 %",
        "1 of them had a summary in de before",
        "rejected 3 50.0 %",
        "2 no summary in en",
        "1 ROUGE-1 below T1 = 0.6",
    ]


def test_the_report_shows_scores_and_what_thresholds_keep(report: Report) -> None:
    lines = [" ".join(line.split()) for line in report.lines()]
    assert f"0.65-0.70 1 {'#' * 40} 0" in lines
    grid = lines[next(n for n, line in enumerate(lines) if line.startswith("T1\\T2")) :]
    assert grid[2 + 6] == "0.6 66.7 66.7 66.7 66.7 33.3 33.3 33.3 33.3 33.3 33.3 33.3"
    assert grid[2 + 5] == "0.5 100.0 100.0 66.7 66.7 33.3 33.3 33.3 33.3 33.3 33.3 33.3"
    assert lines[-1].startswith("`rouge{1,2}.f|protocol:default|lang:en|tok:word|stem:no|refs:1|v:")


def test_the_report_counts_copied_words_beside_where_they_were_looked_at(report: Report) -> None:
    assert "copied" not in report.to_json()["histogram"]
    for share in (0.0, 0.5, 0.51, 1.0):
        report.statistics.add_copied(share)
    assert sum(report.to_json()["histogram"]["copied"]) == 4
    lines = [" ".join(line.split()) for line in report.lines()]
    (head,) = (line for line in lines if line.startswith("F1"))
    assert head == "F1 ROUGE-1 ROUGE-2 copied up to"
    rows = {line.split()[0]: line.split()[-3:] for line in lines if line.endswith(" %")}
    assert rows["0.00-0.05"] == ["1", "25.0", "%"]
    assert rows["0.45-0.50"] == ["1", "50.0", "%"], "a cap of 0.5 keeps what has 0.5"
    assert rows["0.50-0.55"] == ["1", "75.0", "%"]
    assert rows["0.95-1.00"] == ["1", "100.0", "%"]


def test_a_run_that_translated_nothing_has_no_table() -> None:
    statistics = Statistics(sentence_share=1.0)
    statistics.count(None, complete=True)
    empty = Report(Direction("en", "de", "de"), "summary", FilterOptions(), statistics, {})
    assert len(list(empty.lines())) == 5


def test_the_picture_is_a_png_and_the_same_each_time(report: Report) -> None:
    picture = draw_scores(report)
    assert picture.startswith(b"\x89PNG")
    assert picture == draw_scores(report)


def test_progress_shows_shards_speed_and_time_left() -> None:
    now = [100.0]
    shown: list[str] = []
    progress = Progress(shown.append, seconds=10, clock=lambda: now[0])
    progress.begin(Cut(records=2500, shard_lines=1000), [1, 2])
    now[0] += 5
    progress.advanced(1, 500)
    progress.waiting()
    assert shown == [], "not yet time"
    now[0] += 5
    progress.waiting()
    assert shown == ["1 of 3 shards, 1,500 of 2,500 pairs, 50.0 pairs/s, ETA 0:00:20"]
    now[0] += 1
    progress.done(2)
    assert len(shown) == 1
    progress.done(1)
    assert shown[1] == "3 of 3 shards, 2,500 of 2,500 pairs, 136.4 pairs/s, ETA 0:00:00"


def test_progress_says_why_a_shard_is_tried_again_or_given_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    progress = Progress(lambda line: None, clock=lambda: 0.0)
    with caplog.at_level(logging.INFO):
        progress.begin(Cut(20, 10), [0, 1])
        progress.advanced(1, 5)
        progress.retried(Failure(1, "was ended by SIGKILL", Path("logs/1")))
        progress.failed(Failure(1, "took longer than 3 seconds", Path("logs/2")))
    assert "shard 1 is tried again: was ended by SIGKILL (logs/1)" in caplog.text
    assert "shard 1 is given up: took longer than 3 seconds (logs/2)" in caplog.text
    assert progress.line() == "0 of 2 shards, 1 failed, 0 of 20 pairs, 0.0 pairs/s, ETA unknown"
