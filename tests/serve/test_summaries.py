"""What is answered is what the Python API gives, whoever else asks at that time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mclas_fairseq.data.summary_text import SummaryText
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.serve.openapi import _MEANINGS
from mclas_fairseq.serve.schema import SummarizeRequest
from tests.serve.conftest import BUNDLE, Served


def alone(documents: list[str], **changes: Any) -> list[dict[str, str]]:
    """What a summarizer of its own writes, one document at a time."""
    own = Summarizer.from_bundle(BUNDLE, device="cpu", changes=changes)
    return [own.summarize(document).summary for document in documents]


def test_one_document_and_many(serve: Callable[..., Served], documents: list[str]) -> None:
    served = serve()
    expected = alone(documents)
    assert len({str(one) for one in expected}) > 4, "documents are told apart"
    one = served.post(text=documents[0]).json()
    assert one["model"] == "bundle"
    assert [result["id"] for result in one["results"]] == ["0"]
    assert one["results"][0]["summaries"] == expected[0]
    many = served.post(documents=[{"id": f"d{n}", "text": d} for n, d in enumerate(documents)])
    assert many.status_code == 200
    results = many.json()["results"]
    assert [result["id"] for result in results] == [f"d{n}" for n in range(len(documents))]
    assert [result["summaries"] for result in results] == expected


def test_options_of_the_search_are_those_of_the_request_alone(
    serve: Callable[..., Served], documents: list[str]
) -> None:
    served = serve()
    bodies: list[dict[str, Any]] = [
        {},
        {"beam": 1},
        {"beam": 4, "nbest": 3, "max_len_b": 5},
        {"min_len": 9, "no_repeat_ngram_size": 2},
        {},
    ]
    seen = set()
    for changes in bodies:
        body = [{"text": document} for document in documents]
        results = served.post(documents=body, **changes).json()["results"]
        found = [result["summaries"] for result in results]
        assert found == alone(documents, **changes), changes
        assert all(len(one["hypotheses"]["de"]) == changes.get("nbest", 1) for one in results)
        seen.add(str(found))
    assert len(seen) == 4, "the options change something"


def test_a_summary_does_not_depend_on_who_else_asks(
    serve: Callable[..., Served], documents: list[str]
) -> None:
    served = serve(max_wait_ms=500)
    expected = alone(documents)
    with ThreadPoolExecutor(len(documents)) as clients:
        answers = list(clients.map(lambda text: served.post(text=text), documents))
    assert [one.json()["results"][0]["summaries"] for one in answers] == expected
    assert max(map(len, served.model.batches)) > 1, "documents of several clients shared a batch"
    assert served.sample("mclas_batch_documents_sum") == len(documents)


def test_every_document_is_tokenised_once(
    serve: Callable[..., Served], documents: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    served, plain = serve(), SummaryText.encode
    texts: list[str] = []

    def encode(self: SummaryText, text: str) -> str:
        texts.append(text)
        return plain(self, text)

    monkeypatch.setattr(SummaryText, "encode", encode)
    asked = [{"text": text} for text in documents[:4]]
    assert served.post(documents=asked, attention=True).status_code == 200
    assert texts == documents[:4]


def test_attention_is_that_of_the_python_api(
    serve: Callable[..., Served], documents: list[str], summarizer: Summarizer
) -> None:
    result = serve().post(text=documents[5], attention=True).json()["results"][0]
    tokenizer = summarizer.task.data_bin.tokenizer
    summarizer.task.decode_with(DecodingOptions(**summarizer.options.values()))
    expected = summarizer.attention(documents[5]).to_json(tokenizer, "en")
    assert result["attention"] == expected
    assert "".join(expected["document"]["pieces"]).strip() == documents[5]


def test_what_is_not_read_is_said(serve: Callable[..., Served]) -> None:
    served = serve()
    result = served.post(text="a " * 100).json()["results"][0]
    assert result["read_tokens"] == 64
    assert result["unread_tokens"] > 30
    assert served.sample("mclas_truncated_documents_total", model="bundle") == 1


def test_models_health_and_numbers(serve: Callable[..., Served]) -> None:
    served = serve()
    (card,) = served.client.get("/v1/models").json()["models"]
    assert (card["name"], card["source_lang"], card["target_langs"]) == ("bundle", "en", ["de"])
    assert served.client.get("/livez").json() == served.client.get("/readyz").json()
    before = served.client.get("/metrics").text
    assert 'mclas_model_info{model="bundle",source_lang="en",target_langs="de"' in before
    assert "mclas_documents_total{" not in before
    served.post(documents=[{"text": "one"}, {"text": "two"}])
    served.post(text=7)
    served.client.get("/a/path/of/the/client")
    after = served.client.get("/metrics").text
    for line in (
        'mclas_documents_total{model="bundle"} 2.0',
        'mclas_requests_total{route="/v1/summarize",status="200"} 1.0',
        'mclas_requests_total{route="/v1/summarize",status="422"} 1.0',
        'mclas_requests_total{route="other",status="404"} 1.0',
        "mclas_queue_documents 0.0",
        "mclas_queue_seconds_count 2.0",
        'mclas_resident_memory_bytes{process="decoder"} 5.0',
    ):
        assert line in after, line
    assert "client" not in after
    assert served.sample("mclas_written_tokens_total", model="bundle") > 4
    assert served.sample("mclas_resident_memory_bytes", process="http") > 2**20


def test_the_description_holds_together(serve: Callable[..., Served]) -> None:
    served = serve()
    schema = served.client.get("/openapi.json").json()
    assert schema["openapi"].startswith("3.1")
    text = served.client.get("/openapi.json").text
    names = set(schema["components"]["schemas"])
    referred = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
    assert referred <= names
    assert "HTTPValidationError" not in names
    examples = schema["components"]["schemas"]["SummarizeRequest"]["examples"]
    for example in examples:
        SummarizeRequest.model_validate(example)
        assert served.client.post("/v1/summarize", json=example).status_code == 200
    answers = schema["paths"]["/v1/summarize"]["post"]["responses"]
    assert set(answers) == {"200", *map(str, _MEANINGS)}
    assert set(answers["429"]["content"]) == {"application/problem+json"}
    assert "Retry-After" in answers["429"]["headers"]


@pytest.mark.parametrize("keyed", [False, True])
def test_the_description_says_whether_a_key_is_needed(
    serve: Callable[..., Served], keyed: bool
) -> None:
    schema = serve(keys=[b"k"] if keyed else []).client.get("/openapi.json").json()
    assert ("securitySchemes" in schema["components"]) is keyed
    assert ("security" in schema["paths"]["/v1/summarize"]["post"]) is keyed
    assert "security" not in schema["paths"]["/livez"]["get"]
