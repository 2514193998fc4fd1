"""Promises of segments: a part that is for some readers reaches those, and nobody else in any medium."""

from __future__ import annotations

from email import message_from_bytes, policy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.delivery.letters import Segmented
from pipeline.delivery.message import Letters, Recipient
from pipeline.delivery.segments import conditions, holds, resolved
from pipeline.errors import AuthorError, TemplateError
from pipeline.markdown import blocks
from pipeline.runner import Desk, build
from tests.editions import NOW, frozen
from tests.publications import SETTINGS, front_matter, small

BODY = """Everybody reads this.

::: {.only for="list=readers"}
For the list.
:::

::: {.only for="plan=paid plan=gift"}
For who pays.

::: {.except for="city=New_York"}
And lives elsewhere.
:::
:::

::: {.except for="plan=paid"}
For who does not.
:::

The end.
"""
SAID = (
    "Everybody reads this",
    "For the list",
    "For who pays",
    "And lives elsewhere",
    "For who does not",
    "The end",
)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = small(
        tmp_path_factory.mktemp("letter"),
        SETTINGS.replace('"nanotts"', '"none"'),
        e01_first=front_matter() + BODY,
    )
    desk = Desk(root, NOW)
    try:
        report = build(desk)
    finally:
        desk.close()
    assert report.errors == []
    return root / "build"


def seen(text: str) -> list[bool]:
    return [words in text for words in SAID]


@pytest.mark.parametrize(
    ("name", "attributes", "expected"),
    [
        ("readers", {}, [True, True, False, False, True, True]),
        ("press", {}, [True, False, False, False, True, True]),
        ("press", {"plan": "Paid"}, [True, False, True, True, False, True]),
        ("press", {"plan": "gift", "city": "new york"}, [True, False, True, False, True, True]),
    ],
)
def test_each_reader_gets_the_parts_that_are_for_them(
    built: Path, name: str, attributes: dict[str, str], expected: list[bool]
) -> None:
    html, text = ((built / f"edition/01-first.{ending}").read_text() for ending in ("html", "txt"))
    one = frozen(html=html, text=text, mailing_list=name)
    letters = Segmented(one, lambda edition: Letters(edition, 1, b"secret"))
    content = letters.message(Recipient(1, "ada@example.org", "", attributes)).content
    parts = list(message_from_bytes(content, policy=policy.default).iter_parts())
    for part in parts:
        assert seen(part.get_content()) == expected  # type: ignore[attr-defined]
        assert "slot.invalid" not in part.get_content()  # type: ignore[attr-defined]
    assert "\n\n\n" not in parts[0].get_content()  # type: ignore[attr-defined]


def test_what_is_for_some_readers_is_in_no_public_medium(built: Path) -> None:
    public = [True, False, False, False, True, True]
    assert seen((built / "site/01-first/index.html").read_text()) == public
    assert seen((built / "site/rss.xml").read_text()) == public
    assert all("slot.invalid" not in file.read_text() for file in built.glob("site/**/*.html"))
    example = (built / "email/01-first.txt").read_text()
    assert seen(example) == [True, True, False, False, True, True] and "slot.invalid" not in example


def test_a_part_for_a_list_that_is_not_there_is_refused(tmp_path: Path) -> None:
    body = '::: {.only for="list=raeders"}\nHello.\n:::\n'
    desk = Desk(small(tmp_path, e01_first=front_matter() + body), NOW)
    try:
        (error,) = build(desk, only="01-first").errors
    finally:
        desk.close()
    assert (
        'content/01-first/episode.md: for="list=raeders": there is no list "raeders"; did you mean "readers"'
        in str(error)
    )


@pytest.mark.parametrize("written", ["email list=readers", "list=", "=x", "List=a"])
def test_readers_are_named_in_one_way(written: str) -> None:
    with pytest.raises(AuthorError, match="names no readers"):
        blocks(f'::: {{.only for="{written}"}}\nHello.\n:::\n')


def test_a_template_that_opens_a_part_and_never_ends_it_is_refused() -> None:
    for part in ("<!--https://slot.invalid/only/a=b/-->x", "x<!--https://slot.invalid/end/-->"):
        with pytest.raises(TemplateError):
            resolved(frozen(html=part), ())


@given(st.text(), st.text())
def test_what_has_no_marks_stays_as_it_is(html: str, text: str) -> None:
    one = frozen(html=html, text=text)
    assert conditions(one) == frozenset() and resolved(one, ()) == one


def test_case_and_blanks_do_not_matter() -> None:
    assert holds("city=New_York", "readers", {"city": " new  york "})
    assert not holds("city=york", "readers", {"city": "new york"})
    assert holds("list=Readers", "readers", {})
