"""Templates: which are taken, what is refused and how, and what a model reads."""

from pathlib import Path

import numpy as np
import pytest
import torch
from fairseq.data import ListDataset

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.mglm.prompted_examples import PromptDataBin
from mclas_fairseq.mglm.prompts import Prompt, PromptedDocuments, make_prompt
from mclas_fairseq.mglm.templates import SHIPPED, Template, load_templates
from tests.mglm.texts import make_text_bin


def test_the_papers_prompts_are_shipped() -> None:
    summary = load_templates("summary")
    assert summary.of("zh").text == "{document} 中文摘要：[sMASK]"
    assert summary.of("en").text == "{document} TL;DR: [sMASK]"
    assert load_templates("translation").of("zh").text == "{document} 中文翻译：[sMASK]"
    assert load_templates("title").of("zh").text == "中文标题：[MASK] 原文：{document}"


@pytest.mark.parametrize("kind", ["summary", "translation", "title", "answer"])
def test_all_that_are_shipped_are_templates(kind: str) -> None:
    assert all(list(one.parts()) for one in load_templates(kind).by_language.values())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{document} TL;DR:", "must hold a blank, one of [MASK], [sMASK], [gMASK], once, but"),
        ("TL;DR: [sMASK]", "must hold the document, {document}, once, but 'TL;DR: [sMASK]' holds"),
        ("{document} [MASK] [sMASK]", "a blank, one of [MASK], [sMASK], [gMASK], once"),
        ("{document} {document} [MASK]", "the document, {document}, once"),
        (
            "{document} [tMASK]",
            "{document}, {question} and one of [MASK], [sMASK], [gMASK], but holds [tMASK]",
        ),
        ("{document} [smask]", "but holds [smask]; correct it"),
        ("{document} {title} [MASK]", "but holds {title}; correct it"),
        ("{document} {question} {question} [MASK]", "may hold {question} once, but holds it 2 tim"),
    ],
)
def test_what_is_no_template_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Template("summary.xx", text)
    assert "template summary.xx: " in str(caught.value)
    assert said in str(caught.value)


def test_a_file_of_ones_own_is_read(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text('[note]\nany = "{document} Note: [gMASK]"\nde = "[MASK] Notiz {document}"\n')
    found = load_templates("note", path)
    assert found.of("de").text == "[MASK] Notiz {document}"
    assert found.of("fr").text == "{document} Note: [gMASK]"
    with pytest.raises(
        ConfigError, match="--template summary: must be a table .* has note; choose"
    ):
        load_templates("summary", path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[summary", "must be TOML, but is not"),
        (b"\xff\xfe", "must be TOML, but is not"),
        (b"[summary]\nde = 3\n", "must be a table of languages and texts"),
    ],
)
def test_a_broken_file_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        load_templates("summary", path)


def test_a_missing_file_and_a_missing_language_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="must be a readable file, but is not"):
        load_templates("summary", tmp_path / "none.toml")
    with pytest.raises(ConfigError) as caught:
        load_templates("summary").of("sw")
    assert f"--template summary: {SHIPPED.name} has templates for zh, en," in str(caught.value)
    assert "not for 'sw'" in str(caught.value)


@pytest.fixture(scope="module")
def prompt_bin(tmp_path_factory: pytest.TempPathFactory) -> DataBin:
    made = make_text_bin(tmp_path_factory.mktemp("texts"))
    return PromptDataBin.open(made.folder)


def test_texts_end_with_eop_and_hold_no_command(prompt_bin: DataBin) -> None:
    dictionary = prompt_bin.dictionary
    assert dictionary[dictionary.eos()] == "<eop>"
    assert dictionary[dictionary.bos()] == "<sop>"
    never = {dictionary[number] for number in dictionary.never_text}
    assert {"<s>", "</s>", "[CLS]", "[MASK]", "[sMASK]", "[gMASK]", "[dBLOCK]", "[SEP]"} <= never


def test_a_prompt_stands_around_the_document(prompt_bin: DataBin) -> None:
    dictionary = prompt_bin.dictionary
    template = Template("x", "aa {document} bb: [sMASK]")
    prompt = make_prompt(template, prompt_bin, "en")
    source = prompt.around(torch.tensor([90, 91]))
    place = source.tolist().index(90)
    assert dictionary[int(source[0])] == "[CLS]"
    assert dictionary[int(source[-1])] == "[sMASK]"
    text = [dictionary[int(number)] for number in source]
    assert prompt_bin.tokenizer.decode(text[1:place], "en") == "aa"
    assert prompt_bin.tokenizer.decode(text[place + 2 : -1], "en") == "bb:"
    front = make_prompt(Template("x", "[MASK] cc: {document}"), prompt_bin, "en")
    assert dictionary[front.pieces[0][1]] == "[MASK]"
    assert front.pieces[1] == ()


def documents(*lengths: int) -> ListDataset:
    rows = [torch.arange(10, 10 + length) for length in lengths]
    return ListDataset(rows, np.array([len(row) for row in rows]))


def test_a_long_document_is_cut_and_the_prompt_stays() -> None:
    prompts = [Prompt(((1, 2), (3,))), Prompt(((1,), (4, 5, 6)))]
    sides = [documents(5, 30), documents(9, 9)]
    places = np.array([0, 0, 1, 1]), np.array([0, 1, 0, 1]), np.array([0, 1, 0, 1])
    side, rows, numbers = places
    found = PromptedDocuments(sides, side, rows, prompts, numbers, max_tokens=20)
    assert found[0].tolist() == [1, 2, 10, 11, 12, 13, 3]
    assert found[1].tolist() == [1, *range(10, 26), 4, 5, 6]
    assert found[2].tolist() == [1, 2, *range(10, 18), 3]
    assert found.sizes.tolist() == [len(found[index]) for index in range(4)] == [7, 20, 11, 12]
    assert found.unread.tolist() == [0, 13, 0, 0]
    assert (found.truncated, found.truncated_tokens) == (1, 13)
    assert found.rows.tolist() == rows.tolist()


def test_a_question_is_never_cut() -> None:
    prompt = Prompt(((1,), (2,), (3,)), ("{document}", "{question}"))
    zeros = np.zeros(2, dtype=np.int64)
    rows = np.array([0, 1])
    asked = [documents(5, 3)]
    found = PromptedDocuments([documents(31, 6)], zeros, rows, [prompt], zeros, 20, asked)
    assert found[0].tolist() == [1, *range(10, 23), 2, 10, 11, 12, 13, 3]
    assert found[1].tolist() == [1, 10, 11, 12, 13, 14, 2, 10, 11, 3]
    assert found.sizes.tolist() == [20, 10]
    assert found.unread.tolist() == [17, 0]


def test_a_prompt_that_fills_the_source_is_refused() -> None:
    zeros = np.zeros(1, dtype=np.int64)
    with pytest.raises(ConfigError, match="--max-source-positions 9: the longest prompt, of 3 tok"):
        PromptedDocuments([documents(5)], zeros, zeros, [Prompt(((1, 2), (3,)))], zeros, 9)


def test_a_dictionary_without_commands_is_refused(tmp_path: Path) -> None:
    made = make_text_bin(tmp_path, commands=())
    with pytest.raises(
        DataError, match=r"it lacks \[CLS\] .* mclas prepare --like such a data-bin"
    ):
        _ = PromptDataBin.open(made.folder).dictionary
