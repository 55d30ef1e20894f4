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


@pytest.fixture
def page(browser: Browser, process: Process) -> Iterator[Page]:
    """The page with its key given; at its end nothing went wrong or was asked for elsewhere."""
    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark")
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
