import subprocess
import sys
import textwrap
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from fairseq import scoring
from fairseq.data import Dictionary

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.alignment import Aligned
from mclas_fairseq.evaluation.content import content_measures, content_rules
from mclas_fairseq.evaluation.intervals import SEED
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.evaluation.systems import rouge_system
from mclas_fairseq.scoring.feed import ScoredDocument, ScoringFeed
from mclas_fairseq.scoring.rouge import RougeScorerConfig, SummaryRougeScorer

DOCUMENTS = [
    ScoredDocument("1", {"en": "a b", "de": "große Bäume"}, {"en": ["a b"], "de": ["große Bäume"]}),
    ScoredDocument("2", {"en": "c d", "de": "x"}, {"en": ["c e", "c d e"], "de": ["y z"]}),
    ScoredDocument("3", {"en": "f", "de": "x"}, {"de": ["x"]}),
]


def dictionary(*documents: ScoredDocument) -> Any:
    result = Dictionary()
    result.scoring_feed = ScoringFeed()
    for document in documents:
        result.scoring_feed.push(document)
    return result


def scorer_with(*documents: ScoredDocument, protocol: str = "default") -> SummaryRougeScorer:
    scorer = SummaryRougeScorer(RougeScorerConfig(rouge_protocol=protocol))
    scorer.connect(dictionary(*documents))
    for _ in documents:
        scorer.add_string("not used", "not used either")
    return scorer


def test_feed_gives_documents_in_the_order_they_came() -> None:
    feed = ScoringFeed()
    for document in DOCUMENTS:
        feed.push(document)
    assert [feed.pop().id for _ in range(len(feed))] == ["1", "2", "3"]
    assert len(feed) == 0
    assert not feed.attached


def test_result_names_target_language_first_and_uses_raw_references() -> None:
    lines = scorer_with(*DOCUMENTS).result_string().splitlines()
    assert lines[0] == "ROUGE F1"
    # German rouge1: 1, 0, 1 over three documents; English: document 3 has no reference, document 2
    # reaches 2 of 2 and 2 of 3 (0.8) with its better one: (1 + 0.8) / 2.
    assert lines[1].startswith("de: R-1 66.67 [")
    assert lines[2].startswith("en: R-1 90.00 [")
    assert "(3 documents)" in lines[1]
    assert "(2 documents)" in lines[2]
    for label in ("R-2 ", "R-L ", "R-Lsum "):
        assert label in lines[1]
    assert "protocol:default|lang:de|tok:word" in lines[1]


def test_result_has_content_words_and_matched_minus_shuffled_as_mclas_score_has_them() -> None:
    pairs = [("die Bäume grün", "grüne Bäume"), ("das Haus", "ein rotes Haus"), ("x", "der Hund")]
    documents = [
        ScoredDocument(str(row), {"de": written}, {"de": [wanted]}, row=row)
        for row, (written, wanted) in enumerate(pairs)
    ]
    first, second = scorer_with(*documents).result_string().splitlines()[1:]
    rules = content_rules(get_protocol("default", "de"), seed=SEED)
    texts = Aligned(tuple(one for one, _ in pairs), tuple((two,) for _, two in pairs), skipped=0)
    scores = score_rouge(texts.hypotheses, texts.references, language="de")
    rouge = rouge_system("de", (), (texts,), [scores])
    assert second.startswith("de, content words and matched minus shuffled: C-1 ")
    for measure in content_measures(rouge, rules).values():
        assert f"  {measure.label} {100 * measure.values.mean():.2f} [" in second.replace(
            ": ", ":  "
        )
        assert measure.signature in second
    assert "m-s" not in first


def test_one_document_has_nothing_to_shuffle() -> None:
    assert "C-1 m-s" in scorer_with(*DOCUMENTS).result_string()
    assert "m-s" not in scorer_with(DOCUMENTS[0]).result_string()


def test_score_is_rouge_1_of_the_target_language() -> None:
    expected = score_rouge(
        [document.hypotheses["de"] for document in DOCUMENTS],
        [document.references["de"] for document in DOCUMENTS],
        language="de",
    )
    assert scorer_with(*DOCUMENTS).score() == expected.mean("rouge1")


def test_intervals_do_not_depend_on_the_order_of_decoding() -> None:
    documents = [
        ScoredDocument(str(row), {"de": "x" if row % 3 else "y"}, {"de": ["x"]}, row=row)
        for row in range(20)
    ]
    decoded = sorted(documents, key=lambda document: document.hypotheses["de"])
    assert scorer_with(*decoded).result_string() == scorer_with(*documents).result_string()


def test_without_references_there_is_nothing_to_score() -> None:
    scorer = scorer_with(ScoredDocument("1", {"de": "x"}, {}))
    assert scorer.result_string() == "ROUGE: nothing to score, no document has references"
    assert scorer.score() == 0.0


def test_task_that_hands_over_nothing_is_refused_naming_ours() -> None:
    scorer = SummaryRougeScorer(RougeScorerConfig())
    with pytest.raises(ConfigError, match="--task cross_lingual_summarization"):
        scorer.connect(Dictionary())


def test_document_that_was_not_handed_over_is_an_error() -> None:
    scorer = scorer_with(DOCUMENTS[0])
    with pytest.raises(ConfigError, match="must hand over every document"):
        scorer.add_string("a", "b")


def test_unknown_protocol_shows_at_the_first_document() -> None:
    with pytest.raises(ConfigError, match="--rouge-protocol"):
        scorer_with(DOCUMENTS[0], protocol="ncls")


def test_tokenizer_goes_to_the_protocol(tmp_path: Path) -> None:
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("[UNK]\n[CLS]\n[SEP]\n好\n很\n", encoding="utf-8")
    config = RougeScorerConfig(rouge_protocol="mclas", rouge_tokenizer=str(vocabulary))
    scorer = SummaryRougeScorer(config)
    scorer.connect(
        dictionary(
            ScoredDocument("1", {"en": "dogs", "zh": "很好"}, {"en": ["dog"], "zh": ["很狗"]})
        )
    )
    scorer.add_string("", "")
    lines = scorer.result_string().splitlines()
    assert lines[1].startswith("zh: R-1 50.00 [")
    assert "|tok:wordpiece-" in lines[1]
    assert lines[2].startswith("en: R-1 100.00 [")
    assert "|stem:porter|" in lines[2]


def test_missing_tokenizer_shows_at_the_first_document() -> None:
    document = ScoredDocument("1", {"zh": "很好"}, {"zh": ["很好"]})
    with pytest.raises(ConfigError, match="'mclas' in 'zh': needs .*--rouge-tokenizer PATH"):
        scorer_with(document, protocol="mclas")


def test_empty_reference_is_an_error() -> None:
    scorer = scorer_with(ScoredDocument("1", {"de": "x"}, {"de": [""]}))
    with pytest.raises(DataError, match="at least one token"):
        scorer.result_string()


def test_fairseq_builds_the_scorer_and_connects_it() -> None:
    target = dictionary(DOCUMENTS[0])
    scorer = scoring.build_scorer(Namespace(scoring="rouge", rouge_protocol="default"), target)
    assert isinstance(scorer, SummaryRougeScorer)
    assert target.scoring_feed.attached
    scorer.add_string("", "")
    assert scorer.score() == 100.0


def test_other_scorers_are_built_as_before() -> None:
    scorer = scoring.build_scorer("bleu", Dictionary())
    assert type(scorer).__module__ == "fairseq.scoring.bleu"


def test_user_dir_registers_the_scorer_and_its_flag_in_a_fresh_process() -> None:
    # Only what fairseq-generate does: import the plugin, build the parser, build the scorer.
    program = textwrap.dedent(
        """
        import sys
        from fairseq import options, scoring
        from fairseq.dataclass.utils import convert_namespace_to_omegaconf
        from fairseq.data import Dictionary

        arguments = ["none", "--user-dir", sys.argv[1], "--scoring", "rouge", "--path", "none",
                     "--rouge-protocol", "ncls", "--rouge-tokenizer", "PATH"]
        parser = options.get_generation_parser(default_task="translation")
        config = convert_namespace_to_omegaconf(options.parse_args_and_arch(parser, arguments))
        assert config.scoring.rouge_protocol == "ncls", config.scoring
        assert config.scoring.rouge_tokenizer == "PATH", config.scoring
        try:
            scoring.build_scorer(config.scoring, Dictionary())
        except Exception as error:
            print(type(error).__module__, type(error).__name__, error)
        """
    )
    import mclas_fairseq

    done = subprocess.run(
        [sys.executable, "-c", program, mclas_fairseq.__path__[0]],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "mclas_fairseq.errors ConfigError --scoring rouge: needs" in done.stdout
