"""The page in headless Chromium: `make test-browser`, apart from `make test` for its time.

Skipped, aloud, where there is no Chromium; `CHROMIUM` names another one than that of the path.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.serve.test_process import Process

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="needs chromium: apt-get install chromium, or set CHROMIUM"
)
AXE = Path(__file__).resolve().parents[2] / "build" / "axe" / "axe.min.js"
SHOTS = os.environ.get("SCREENSHOTS")  # folder for pictures to look at
TEXT = "The river rose in Zelburn. 6 children had to leave their homes."
MARKUP = "<img src=x onerror=\"document.title='run'\"> <script>document.title='run'</script> river"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys"
    path.write_text("a-key\n")
    return path


@pytest.fixture(scope="module")
def process(keys: Path) -> Iterator[Process]:
    started = Process("--api-key-file", str(keys))
    yield started
    started.close()


PHONE = {"viewport": {"width": 390, "height": 800}, "color_scheme": "dark"}
DESK = {"viewport": {"width": 1200, "height": 900}, "color_scheme": "light"}


@pytest.fixture(params=[PHONE])
def page(browser: Browser, process: Process, request: pytest.FixtureRequest) -> Iterator[Page]:
    """The page with its key given; at its end nothing went wrong or was asked for elsewhere."""
    context = browser.new_context(**request.param)
    opened = context.new_page()
    opened.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    errors: list[str] = []
    asked: list[str] = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("request", lambda request: asked.append(request.url))
    opened.goto(f"{process.address}/")
    opened.get_by_label("Key").fill("a-key")  # the first answer was 401: the page asks for it
    yield opened
    assert errors == []
    assert all(url.startswith(f"{process.address}/") for url in asked)
    context.close()


def summarize(page: Page, text: str) -> None:
    page.get_by_label("Document", exact=False).first.fill(text)
    page.get_by_role("button", name="Summarize").click()
    expect(page.get_by_role("status")).to_have_text("The summaries are there.")


def test_both_summaries_with_language_and_direction(page: Page) -> None:
    summarize(page, TEXT)
    texts = page.locator("#summaries .text")
    assert [one.get_attribute("lang") for one in texts.all()] == ["en", "de"]
    assert [one.get_attribute("dir") for one in texts.all()] == ["ltr", "ltr"]
    assert all(one.inner_text().strip() for one in texts.all())
    assert page.locator("#document").inner_text() == TEXT
    assert page.evaluate("document.documentElement.scrollWidth") <= 390, "it fits on a phone"


def test_words_light_up_by_mouse_and_by_keyboard(page: Page) -> None:
    summarize(page, TEXT)
    german = page.locator("#summaries [lang=de] [data-row]")
    weights = (
        "[...document.querySelectorAll('#document span')]"
        ".map((word) => +word.style.getPropertyValue('--weight'))"
    )
    assert max(page.evaluate(weights)) == 0
    german.nth(2).hover()
    lit = page.evaluate(weights)
    assert max(lit) > 0
    german.first.focus()
    page.keyboard.press("ArrowRight")
    expect(german.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(german.last).to_be_focused()
    assert page.evaluate(weights) != lit


def test_markup_is_shown_as_text(page: Page) -> None:
    summarize(page, MARKUP)
    assert page.title() == "Cross-lingual summaries"
    assert page.locator("#result img, #result script").count() == 0


def test_history_stays_in_the_browser(page: Page) -> None:
    summarize(page, TEXT)
    page.reload()
    earlier = page.locator("#history li button")
    expect(earlier).to_have_count(1)
    earlier.click()
    assert page.get_by_label("Document", exact=False).first.input_value() == TEXT
    page.get_by_role("button", name="Forget them").click()
    assert page.evaluate("localStorage.length") == 0


def test_an_error_says_what_to_do(page: Page) -> None:
    page.get_by_label("Key").fill("wrong")
    page.get_by_label("Document", exact=False).first.fill(TEXT)
    page.get_by_role("button", name="Summarize").click()
    expect(page.get_by_role("alert")).to_contain_text("401: a key is needed")


def barriers(page: Page) -> list[str]:
    """What axe finds; it is put into the page by the browser's tools, which its policy allows."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run().then((found) => found.violations)")
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]


def shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


@pytest.mark.skipif(not AXE.exists(), reason="needs axe-core: make build/axe/axe.min.js (npm)")
@pytest.mark.parametrize("page", [PHONE, DESK], indirect=True, ids=["phone-dark", "desk-light"])
def test_nothing_bars_anybody(page: Page, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.id
    assert barriers(page) == []
    summarize(page, TEXT)
    page.locator("#summaries [lang=de] [data-row]").nth(1).hover()
    assert barriers(page) == []
    shot(page, f"{name}-summaries")
    page.get_by_label("Key").fill("wrong")
    page.get_by_role("button", name="Summarize").click()
    expect(page.get_by_role("alert")).to_contain_text("401")
    assert barriers(page) == []
    shot(page, f"{name}-error")


def test_long_documents_and_foreign_ones_are_told(page: Page) -> None:
    page.get_by_label("Long documents").select_option("windows")
    summarize(
        page, "Der Fluss stieg am Montag, und sechs Kinder mussten ihre Haeuser verlassen. " * 8
    )
    expect(page.locator("#facts")).to_contain_text("windows, whose summaries were summarized")
    expect(page.get_by_role("note")).to_contain_text("seems to be in 'de'")
    expect(page.locator("#read")).to_contain_text("Joined summaries")
    shot(page, "windows")
    summarize(page, TEXT)
    expect(page.get_by_role("note")).to_be_hidden()
    expect(page.locator("#read")).to_have_text("Document")


def test_a_file_is_dropped(page: Page) -> None:
    page.evaluate(
        """() => {
          const data = new DataTransfer();
          data.items.add(new File(["Text of a file. \u6cb3"], "a.txt", { type: "text/plain" }));
          document.getElementById("text").dispatchEvent(
            new DragEvent("drop", { dataTransfer: data, bubbles: true, cancelable: true }));
        }"""
    )
    expect(page.get_by_label("Document", exact=False).first).to_have_value("Text of a file. \u6cb3")


@pytest.mark.parametrize("page", [DESK], indirect=True)
def test_languages_from_right_to_left(page: Page) -> None:
    pieces = ["\u0627\u0631\u062a\u0641\u0639", " \u0627\u0644\u0646\u0647\u0631"]
    card = {"name": "m", "source_lang": "en", "target_langs": ["ar"], "summary_langs": ["en", "ar"]}
    card.update(max_source_positions=64, attention=True, search={"beam": 5})  # type: ignore[call-overload]
    traced = {
        "document": {"language": "en", "pieces": ["The", " river"]},
        "summaries": [
            {"language": "en", "pieces": ["River"]},
            {"language": "ar", "pieces": pieces},
        ],
        "to_document": [[0.5, 0.5], [1, 0], [0, 1]],
        "to_summaries": [[0, 0, 0], [1, 0, 0], [0, 0.5, 0]],
    }
    result = {"id": "0", "summaries": {"en": "River", "ar": "".join(pieces)}, "score": -1}
    result.update(hypotheses={}, read_tokens=3, unread_tokens=0, attention=traced)
    answer = {"model": "m", "results": [result], "seconds": 0.1}
    page.route("**/v1/models", lambda route: route.fulfill(json={"models": [card]}))
    page.route("**/v1/summarize", lambda route: route.fulfill(json=answer))
    page.reload()
    summarize(page, TEXT)
    arabic = page.locator("#summaries [lang=ar]")
    assert arabic.get_attribute("dir") == "rtl"
    assert arabic.inner_text() == "".join(pieces)
    words = arabic.locator("[data-row]")
    words.first.focus()
    page.keyboard.press("ArrowLeft")  # onwards, where one reads from the right
    expect(words.nth(1)).to_be_focused()
    lit = "document.querySelector('#document span:last-child').style.getPropertyValue('--weight')"
    assert float(page.evaluate(lit)) == 1
    shot(page, "right-to-left")


def test_everything_by_the_keyboard_alone(page: Page) -> None:
    page.get_by_label("Document", exact=False).first.focus()
    page.keyboard.type(TEXT)
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "go":
            break
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text("The summaries are there.")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.dataset.row") == "0"


def test_the_interactive_page_shows_the_interface(page: Page, process: Process) -> None:
    errors: list[str] = []
    page.on("console", lambda said: errors.append(said.text) if said.type == "error" else None)
    page.goto(f"{process.address}/docs")
    expect(page.locator("#swagger-ui")).to_contain_text("Summarize one document or several")
    shot(page, "docs")
    assert errors == []
