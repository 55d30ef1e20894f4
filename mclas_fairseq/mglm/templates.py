"""Templates of prompts: what stands around a document, and where the blank is.

Sun et al. (mGLM), sections 3 and 4: the same model summarizes into Chinese behind "中文摘要:" and
into English behind "TL;DR:". The templates that come with the package are in `templates.toml`; a
file of one's own has the same form.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mclas_fairseq.errors import ConfigError, first_line

SHIPPED = Path(__file__).with_name("templates.toml")
ANY = "any"  # the line for languages without one
DOCUMENT, QUESTION = "{document}", "{question}"
BLANKS = ("[MASK]", "[sMASK]", "[gMASK]")

_SLOT = re.compile(r"\{\w*\}")
_BLANK = re.compile(r"\[\w*MASK\]", re.IGNORECASE)
_PARTS = re.compile("|".join(map(re.escape, (DOCUMENT, QUESTION, *BLANKS))))


@dataclass(frozen=True)
class Template:
    """A prompt with a place for a document, perhaps one for a question, and one blank.

    Attributes:
        name: for messages, as in "summary.de".
        text: as it was written.

    Raises:
        ConfigError: it lacks the document or the blank, has one of them twice, or names something
            that there is not.
    """

    name: str
    text: str

    def __post_init__(self) -> None:
        unknown = [blank for blank in _BLANK.findall(self.text) if blank not in BLANKS]
        unknown += [slot for slot in _SLOT.findall(self.text) if slot not in (DOCUMENT, QUESTION)]
        if unknown:
            raise ConfigError(
                f"template {self.name}: beside text it may hold {DOCUMENT},"
                f" {QUESTION} and one of {', '.join(BLANKS)}, but holds {unknown[0]}; correct it"
            )
        for what, found in (
            (f"the document, {DOCUMENT},", self.text.count(DOCUMENT)),
            (f"a blank, one of {', '.join(BLANKS)},", len(_BLANK.findall(self.text))),
        ):
            if found != 1:
                raise ConfigError(
                    f"template {self.name}: it must hold {what} once, but"
                    f" {self.text!r:.80} holds {found or 'none'}; correct it"
                )

        if self.text.count(QUESTION) > 1:
            raise ConfigError(
                f"template {self.name}: it may hold {QUESTION} once, but holds it"
                f" {self.text.count(QUESTION)} times; correct it"
            )

    @property
    def asks(self) -> bool:
        """Whether there is a place for a question."""
        return QUESTION in self.text

    def parts(self) -> Iterator[str]:
        """Its parts in order: text between places, `{document}`, `{question}`, the blank."""
        done = 0
        for match in _PARTS.finditer(self.text):
            if text := self.text[done : match.start()].strip():
                yield text
            yield match[0]
            done = match.end()
        if text := self.text[done:].strip():
            yield text


@dataclass(frozen=True)
class Templates:
    """The templates of a kind of work.

    Attributes:
        kind: summary, translation, title, answer, or one of a file of one's own.
        by_language: of what is written; `any` for those without a template of their own.
        source: where they were read, for messages.
    """

    kind: str
    by_language: Mapping[str, Template]
    source: str

    def of(self, language: str) -> Template:
        """The template for a language.

        Raises:
            ConfigError: there is none.
        """
        found = self.by_language.get(language) or self.by_language.get(ANY)
        if found is None:
            raise ConfigError(
                f"--template {self.kind}: {self.source} has templates for"
                f" {', '.join(self.by_language)}, not for {language!r}; give a file with one by"
                " --templates"
            )
        return found


def load_templates(kind: str, path: Optional[Path] = None) -> Templates:
    """Read the templates of a kind of work, those of the package or of a file.

    Raises:
        ConfigError: the file cannot be read, has no such kind, or a template is not as it must be.
    """
    path = path or SHIPPED
    try:
        with path.open("rb") as stream:
            content = tomllib.load(stream)
    except OSError as error:
        raise ConfigError(
            f"--templates {path}: must be a readable file, but is not ({error.strerror}); check"
            " name and rights"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"--templates {path}: must be TOML, but is not ({first_line(error)}); correct it"
        ) from error
    table = content.get(kind)
    if not isinstance(table, dict) or not all(isinstance(one, str) for one in table.values()):
        raise ConfigError(
            f"--template {kind}: must be a table of languages and texts in"
            f" {path}, which has {', '.join(content) or 'none'}; choose one of them or add it"
        )
    templates = {code: Template(f"{kind}.{code}", text) for code, text in table.items()}
    return Templates(kind, templates, path.name)
