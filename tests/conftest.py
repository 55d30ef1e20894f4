"""Options and fixtures of the whole test suite."""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

# Files of more than two seconds, or with tests of more than one: `make quick` leaves them out
# (marker `slow`), but for those that hold the whole together.
_SLOW = (
    *("binarize/test_prepare.py", "binarize/test_prepare_command.py"),
    *("binarize/test_prepare_errors.py", "binarize/test_prepare_pretrained.py"),
    *("binarize/test_text_shards.py", "checkpoints/test_extending.py"),
    *("checkpoints/test_settings.py", "cli/test_cli_roundtrip.py", "cli/test_cli_score.py"),
    *("cli/test_cli_train.py", "cli/test_start.py", "cli/test_stopping.py"),
    *("compatibility/", "corpus/conversion/test_convert.py"),
    *("corpus/test_synthetic_news.py", "corpus/test_tokenizers"),
    *("ctranslate/test_int8_bundles.py", "ctranslate/test_int8_on_torch.py"),
    *("ctranslate/test_search.py", "data/test_text_sides.py", "doctor/test_doctor.py"),
    *("evaluation/similarity/", "evaluation/test_baselines.py", "evaluation/test_lcs.py"),
    *("evaluation/test_multiple_tests.py", "evaluation/test_nltk_stemmers.py"),
    *("evaluation/test_output_language.py", "fuzz/", "generation/test_search_shortcuts.py"),
    *("generation/test_summary_search.py", "host/test_atomic_copies.py"),
    *("host/test_doors.py", "host/test_one_line_errors.py", "host/test_training_start.py"),
    *("host/test_unneeded_parts.py", "inference/test_max_words.py"),
    *("inference/test_summarizer.py", "labelling/test_label_commands.py"),
    *("mglm/test_glm_learning.py", "mglm/test_infilling.py"),
    *("modules/test_pretrained_encoder.py", "preprocess/", "roundtrip/"),
    *("scoring/test_fairseq_scorer.py", "serve/test_api.py"),
    *("serve/test_long_documents.py", "serve/test_problems.py", "serve/test_reloading.py"),
    *("serve/test_streaming.py", "serve/test_summaries.py", "studies/test_harness.py"),
    *("studies/test_table.py", "summarization/test_pretrained_models.py"),
    *("summarization/test_translated_search.py", "system/", "test_notebook.py"),
    *("test_search_options.py", "test_startup.py"),
    *("translators/test_translators_command.py", "translators/test_translators_ct2.py"),
    *("translators/test_translators_fairseq.py", "translators/test_translators_hf.py"),
    "vhm/test_vhm_learning.py",
)

_NO_DATA = "needs the real data: give --data DIR or set MCLAS_DATA"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--data",
        default=os.environ.get("MCLAS_DATA"),
        metavar="DIR",
        help="folder of real data (xscitldr, published_outputs, ...); default: $MCLAS_DATA",
    )


def _is_slow(path: Path) -> bool:
    return path.relative_to(Path(__file__).parent).as_posix().startswith(_SLOW)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    # Reading a file of tests takes long as well: none is read to leave all of it out.
    unwanted = config.getoption("markexpr") == "not slow"
    return True if unwanted and collection_path.is_file() and _is_slow(collection_path) else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if _is_slow(item.path):
            item.add_marker(pytest.mark.slow)
    # A training of minutes: begun last, it would be waited for alone.
    items.sort(key=lambda item: item.path.name != "test_learning.py")


@pytest.fixture(scope="session")
def data_dir(pytestconfig: pytest.Config) -> Path:
    """The folder of real data; the test is skipped where there is none."""
    given = pytestconfig.getoption("--data")
    if not given:
        pytest.skip(_NO_DATA)
    folder = Path(given)
    assert folder.is_dir(), f"--data: {folder} is not a folder"
    return folder


@pytest.fixture(scope="session")
def small_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random BERT: 2 layers, 24 positions, a tokenizer without a length limit."""
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    folder = tmp_path_factory.mktemp("encoder") / "small-bert"
    words = "the a cat dog sat lay on mat rug happy ##s ##ly . , ! ? 。 模 型 很 好".split()
    folder.mkdir()
    vocabulary = folder.parent / "vocab.txt"
    vocabulary.write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))
    tokenizer = BertTokenizer(str(vocabulary))
    tokenizer.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=24,
        initializer_range=0.5,  # so large that different words get different vectors
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def pretrained_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random BERT with `[unused*]` pieces, for text of Latin letters."""
    from transformers import BertConfig, BertModel, BertTokenizer

    letters = [*"abcdefghijklmnopqrstuvwxyzß0123456789"]
    pieces = [
        *("[PAD]", *(f"[unused{number}]" for number in range(1, 11))),
        *("[UNK]", "[CLS]", "[SEP]", "[MASK]"),
        *(letters + [f"##{letter}" for letter in letters]),
        *"the of and a in der die das und . , ; : ! ? - ' \" ( ) / % & + $ €".split(),
    ]
    pieces = list(dict.fromkeys(pieces))
    tokenizer = BertTokenizer(vocab={piece: number for number, piece in enumerate(pieces)})
    folder = tmp_path_factory.mktemp("pretrained") / "tiny-bert"
    tokenizer.save_pretrained(folder)
    config = BertConfig(vocab_size=len(pieces), **_TINY_ENCODER)
    _save_random(lambda: BertModel(config), folder)
    return folder


@pytest.fixture(scope="session")
def pretrained_xlmr(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random XLM-R, which counts positions from 2, for text of Latin letters."""
    from transformers import XLMRobertaConfig, XLMRobertaModel, XLMRobertaTokenizer

    special = ["<s>", "<pad>", "</s>", "<unk>"]
    words = [
        *"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZäöüÄÖÜß0123456789.,;:!?-'\"()/%&+$€"
    ]
    words += ["▁", "▁the", "▁of", "▁der", "▁die", "▁und"]
    scores = [(piece, 0.0) for piece in special] + [(word, -float(len(words))) for word in words]
    tokenizer = XLMRobertaTokenizer(vocab=scores)
    folder = tmp_path_factory.mktemp("pretrained") / "tiny-xlmr"
    tokenizer.save_pretrained(folder)
    config = XLMRobertaConfig(
        **{**_TINY_ENCODER, "max_position_embeddings": 66},
        **{"vocab_size": len(tokenizer), "type_vocab_size": 1},
        **{"pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2},
    )
    _save_random(lambda: XLMRobertaModel(config), folder)
    return folder


# 64 positions; weights so large that different words get different vectors
_TINY_ENCODER: dict[str, Any] = {
    **{"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2},
    **{"intermediate_size": 32, "max_position_embeddings": 64, "initializer_range": 0.5},
}


def _save_random(build: Callable[[], Any], folder: Path) -> None:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        build().save_pretrained(folder)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end what was skipped for want of data: a silent skip looks like a pass."""
    skipped: Iterable[pytest.TestReport] = terminalreporter.stats.get("skipped", [])
    names = [report.nodeid for report in skipped if _NO_DATA in str(report.longrepr)]
    if names:
        terminalreporter.write_line(f"{len(names)} tests skipped, {_NO_DATA}")
