"""One message per episode: HTML that mail clients agree on, with plain text beside it."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING, Any

from pipeline import media
from pipeline.errors import AuthorError, TemplateError
from pipeline.stage import Artifact, Artifacts, stage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pipeline.model import Episode, Listing, Place, Publication
    from pipeline.templates import Templates

WIDTH = 72
"""Columns of a line of plain text."""

DEEPEST = 400
"""Tags inside tags; some thousands end the whole process inside the MJML library, so we stop long before."""

_TAG = re.compile(
    r"""<!--.*?-->|<(/?)([a-zA-Z][\w:-]*)(?:"[^"]*"|'[^']*'|[^'">])*?(/?)>""", re.DOTALL
)
_VALUE = re.compile(r""""[^"]*"|'[^']*'""")
_TITLE = re.compile(r"<mj-title>.*?</mj-title>", re.DOTALL)
_ODD = re.compile(r"[^ -~]|\\")
_VOID = frozenset(
    {"area", "base", "br", "col", "hr", "img", "input", "link", "meta", "source", "wbr"}
)


@stage(per="episode", libraries=("mjml-python", "css-inline", "jinja2"))
def email(
    publication: Publication,
    listing: Listing,
    episode: Episode,
    place: Place,
    templates: Templates,
    audio: Artifacts,
) -> Iterator[Artifact]:
    """One message per episode: HTML that mail clients agree on, with plain text beside it."""
    values: dict[str, Any] = {
        "publication": publication,
        "listing": listing,
        "episode": episode,
        "place": place,
        "audio": media.enclosure(audio),
    }
    mjml = templates.render("email/episode.mjml", **values)
    style = templates.render("email/inline.css", **values)
    text = templates.render("text/episode.txt", **values)
    html, plain = message(mjml, style, episode.source), wrapped(text)
    yield Artifact(f"edition/{listing.slug}.html", html)
    yield Artifact(f"edition/{listing.slug}.txt", plain)
    for ending, content in examples(publication, listing, html, plain):
        yield Artifact(f"email/{listing.slug}.{ending}", content)


def examples(
    publication: Publication, listing: Listing, html: str, text: str
) -> Iterator[tuple[str, str | bytes]]:
    """The parts, and the whole message, as a reader of the first list would get them."""
    from pipeline.delivery import edition, message, segments

    if publication.email and publication.lists:
        name = next(iter(publication.lists))
        frozen = edition.edition(publication, name, listing, html, text)
        frozen = segments.for_nobody_known(segments.checked(frozen, publication.lists))
        links = message.example_links(publication.service.url)
        yield "eml", message.example(frozen, links, publication.email.bounces)
        html, text = message.parts(frozen, links)
    yield "html", html
    yield "txt", text


def message(mjml: str, style: str, source: str) -> str:
    """The HTML of a message from its MJML, with the rules of `style` written into the elements they select.

    Raises AuthorError, naming `source`: blocks nested too deep. Raises TemplateError: what the templates wrote is
    not MJML.
    """
    from css_inline import CSSInliner, InlineError
    from mjml import mjml2html

    if (depth := nesting(mjml)) > DEEPEST:
        raise AuthorError(
            source,
            None,
            f"the email has tags nested {depth} deep (allowed: {DEEPEST}); nest fewer blocks",
        )
    try:
        html = str(mjml2html(in_references(mjml), fonts={}))
    except ValueError as error:
        raise TemplateError(
            f"email/episode.mjml, filled for {source}, is not MJML: {error}"
        ) from error
    if unknown := re.search(r"<mj-[\w-]*", html):
        raise TemplateError(
            f"the email templates write {unknown[0]}>, which is no MJML tag, or not there"
        )
    try:
        return CSSInliner(
            extra_css=style,
            inline_style_tags=False,
            keep_style_tags=True,
            load_remote_stylesheets=False,
        ).inline(html)
    except InlineError as error:
        raise TemplateError(
            f"email/inline.css cannot be written into the email: {error}"
        ) from error


def in_references(mjml: str) -> str:
    """MJML whose attribute values and title are plain ASCII, the rest of Unicode as character references.

    The library writes a value as Rust would show it to a programmer: "\\u{93f}" for a vowel sign, "\\n" for a new line.
    """

    def in_tag(found: re.Match[str]) -> str:
        tag = found[0]
        return tag if found[2] is None else _VALUE.sub(lambda value: _referenced(value[0]), tag)

    return _TITLE.sub(lambda title: _referenced(title[0]), _TAG.sub(in_tag, mjml))


def _referenced(text: str) -> str:
    return _ODD.sub(lambda found: f"&#{ord(found[0])};", text)


def nesting(markup: str) -> int:
    """How deep the tags of some MJML are nested; TemplateError where one is closed that is not open, or left open."""
    deepest, opened = 0, list[tuple[str, int]]()
    for found in _TAG.finditer(markup):
        closing, name, empty = found.groups()
        if name is None or empty or name in _VOID:
            continue
        if not closing:
            opened.append((name, found.start()))
            deepest = max(deepest, len(opened))
        elif not opened or opened.pop()[0] != name:
            raise TemplateError(
                f"the email templates close <{name}> where it is not open: {_at(markup, found.start())}"
            )
    if opened:
        name, start = opened[-1]
        raise TemplateError(f"the email templates never close <{name}>: {_at(markup, start)}")
    return deepest


def _at(markup: str, start: int) -> str:
    number = markup.count("\n", 0, start) + 1
    return f"line {number} of the MJML, {markup.splitlines()[number - 1].strip()[:60]}"


def wrapped(text: str) -> str:
    """Plain text in lines of WIDTH columns, without trailing blanks, with one empty line where there were several.

    A tab in a line says where its continuation hangs, and takes no room; so a line that ends in a tab is left whole.
    """
    lines = "\n".join(_wrapped_line(line) for line in text.splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n") + "\n"


def _wrapped_line(line: str) -> str:
    head, tab, rest = line.rpartition("\t")
    if not tab:
        rest = line.lstrip(" ")
        head = line[: len(line) - len(rest)]
    head = head.replace("\t", "")
    if not rest.strip():
        return head.rstrip()
    return textwrap.fill(
        rest,
        width=max(WIDTH, len(head) + WIDTH // 3),
        initial_indent=head,
        subsequent_indent=" " * len(head),
        break_long_words=False,
        break_on_hyphens=False,
    )
