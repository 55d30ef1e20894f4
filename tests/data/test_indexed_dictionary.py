"""A dictionary in the order of a pretrained vocabulary: ids, roles, files, fairseq's own uses."""

import io
import pickle
from pathlib import Path

import pytest
import torch
from fairseq.data import Dictionary

from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.data.indexed_dictionary import (
    IndexedDictionary,
    load_dictionary,
    special_indices,
    storable_pieces,
)
from mclas_fairseq.data.language_vocabulary import LanguageVocabulary, language_neutral
from mclas_fairseq.errors import DataError

BERT = [
    *("[PAD]", *(f"[unused{n}]" for n in range(1, 100)), "[UNK]", "[CLS]", "[SEP]", "[MASK]"),
    *("the", "##s", "7", "."),
]
XLMR = ["<s>", "<pad>", "</s>", "<unk>", "▁the", "s", "7", ".", "<mask>"]


def bert() -> IndexedDictionary:
    return IndexedDictionary.from_pieces(BERT)


def xlmr() -> IndexedDictionary:
    return IndexedDictionary.from_pieces(XLMR)


def test_ids_are_those_of_the_pretrained_vocabulary() -> None:
    assert [bert().index(piece) for piece in BERT[103:]] == list(range(103, 108))
    assert len(bert()) == len(BERT), "BERT's unused pieces serve, nothing is added"
    assert [xlmr().index(piece) for piece in XLMR] == list(range(len(XLMR)))


def test_bert_roles_fall_to_its_special_and_unused_pieces() -> None:
    found = bert()
    assert (found.pad(), found.bos(), found.eos(), found.unk()) == (0, 1, 2, 100)
    assert found.index("[LSEP]") == 5
    assert (found.encoder_start, found.encoder_end) == (101, 102)
    assert found.index("no such piece") == 100


def test_xlmr_has_its_roles_and_gets_a_new_row_for_the_separator() -> None:
    found = xlmr()
    assert (found.bos(), found.pad(), found.eos(), found.unk()) == (0, 1, 2, 3)
    assert found.index("[LSEP]") == len(XLMR) == len(found) - 1
    assert (found.encoder_start, found.encoder_end) == (0, 2)


def test_a_vocabulary_without_unused_pieces_gets_rows_for_what_is_missing() -> None:
    found = IndexedDictionary.from_pieces(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a"])
    assert found.symbols[5:] == ["<s>", "</s>", "[LSEP]"]
    assert (found.bos(), found.eos()) == (5, 6)


def test_a_vocabulary_without_padding_or_unknown_is_refused() -> None:
    with pytest.raises(DataError, match=r"must hold a piece for <unk> \(\[UNK\] or <unk>\), none"):
        IndexedDictionary.from_pieces(["[PAD]", "[CLS]", "a"])


@pytest.mark.parametrize("made", [bert(), xlmr()], ids=["bert", "xlmr"])
def test_a_file_gives_the_same_dictionary_back(made: IndexedDictionary, tmp_path: Path) -> None:
    made.add_symbol("7", n=3)
    made.save(str(tmp_path / "dict.txt"))
    for found in (load_dictionary(tmp_path / "dict.txt"), pickle.loads(pickle.dumps(made))):
        assert isinstance(found, IndexedDictionary)
        assert found.symbols == made.symbols
        assert found.count == made.count
        assert dictionary_fingerprint(found) == dictionary_fingerprint(made)
        for role in ("bos", "pad", "eos", "unk"):
            assert getattr(found, role)() == getattr(made, role)()


def test_fairseq_refuses_the_file_rather_than_shifting_ids(tmp_path: Path) -> None:
    bert().save(str(tmp_path / "dict.txt"))
    with pytest.raises(RuntimeError, match="Duplicate word"):
        Dictionary.load(str(tmp_path / "dict.txt"))


def test_a_dictionary_of_fairseqs_own_kind_is_read_as_such(tmp_path: Path) -> None:
    plain = Dictionary()
    plain.add_symbol("the")
    plain.save(str(tmp_path / "dict.txt"))
    found = load_dictionary(tmp_path / "dict.txt")
    assert not isinstance(found, IndexedDictionary)
    assert found.symbols == plain.symbols
    with pytest.raises(DataError, match="this one lacks <s>, <pad>, </s>, <unk>; prepare"):
        IndexedDictionary.load(str(tmp_path / "dict.txt"))


def test_lines_are_encoded_and_written_with_the_roles_of_the_vocabulary() -> None:
    made = bert()
    ids = made.encode_line("the ##s дом [SEP]", add_if_not_exist=False)
    assert ids.tolist() == [104, 105, 100, 102, 2]
    text = made.string(torch.tensor([1, 104, 100, 2]), escape_unk=True)
    assert text == "the <<unk>>", "BOS and EOS are left out, wherever they stand"


def test_entries_are_never_sorted_or_numbered_anew() -> None:
    with pytest.raises(DataError, match="order of its entries is that of a pretrained vocabulary"):
        bert().finalize()
    other = Dictionary()
    other.add_symbol("the", n=5)
    other.add_symbol("new", n=1)
    made = bert()
    made.update(other)
    assert made.symbols[: len(BERT)] == bert().symbols
    assert made.count[104] == 5
    assert made.index("new") >= len(BERT)


def test_what_is_no_text_is_in_no_language_vocabulary() -> None:
    made = bert()
    assert special_indices(made) == frozenset(range(104))
    assert [made[index] for index in language_neutral(made)] == ["7", "."]
    counted = LanguageVocabulary.from_counts("en", [0, 1, 2, 5, 7, 100, 102, 104], made)
    assert counted.symbols == ("the", "7", ".")
    assert counted.indices(made) == [104, 106, 107]
    assert special_indices(xlmr()) == {0, 1, 2, 3, XLMR.index("<mask>"), len(XLMR)}
    assert special_indices(Dictionary()) == {0, 1, 2, 3}


def test_pieces_that_no_line_can_hold_keep_their_place() -> None:
    names = storable_pieces(["[PAD]", "a b", "\u3000", None, "[UNK]", "a", "a"])
    assert names == ["[PAD]", "[id:1]", "[id:2]", "[id:3]", "[UNK]", "a", "[id:6]"]
    made = IndexedDictionary.from_pieces(names)
    stream = io.StringIO()
    made.save(stream)
    stream.seek(0)
    assert IndexedDictionary.load(stream).index("a") == 5
