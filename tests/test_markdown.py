"""Markdown becomes typed blocks, and what is wrong is named with its line."""

from __future__ import annotations

import pytest

from pipeline.errors import AuthorError
from pipeline.markdown import DEEPEST, FENCES, blocks, document, slugify
from pipeline.model import Block, words


def only(text: str) -> Block:
    (found,) = blocks(text)
    return found


def refusal(text: str) -> str:
    with pytest.raises(AuthorError) as caught:
        document(text, "episode.md", 10)
    return str(caught.value)


def test_a_lede_keeps_who_said_it_and_where_it_stands() -> None:
    lede = only('::: {.lede by="Dan Ives" role="Wedbush"}\nComplex.\n:::\n')
    assert (lede.kind, lede.line, lede.attributes) == (
        "lede",
        1,
        {"by": "Dan Ives", "role": "Wedbush"},
    )
    assert [child.kind for child in lede.children] == ["paragraph"]
    assert lede.children[0].line == 2


def test_fences_of_the_same_length_nest() -> None:
    outer = only("::: callout\nbefore\n\n::: pull\ninner\n:::\n\nafter\n:::")
    assert [child.kind for child in outer.children] == ["paragraph", "pull", "paragraph"]


def test_a_fence_inside_code_is_code() -> None:
    outer = only("::: callout\n```\n:::\n```\nend\n:::")
    assert [child.kind for child in outer.children] == ["code", "paragraph"]


def test_a_fence_in_a_list_ends_in_the_list() -> None:
    found = blocks("- ::: callout\n  inside\n  :::\n- second\n\nafter")
    assert [block.kind for block in found] == ["list", "paragraph"]
    assert found[0].children[0].children[0].kind == "callout"


def test_an_attribute_may_hold_quotation_marks() -> None:
    assert only(r'::: {.lede by="Ann \"A\" Lee"}' + "\nx\n:::").attributes["by"] == 'Ann "A" Lee'


def test_entries_have_a_bold_term_and_words() -> None:
    figures = only("::: key-figures\n- **$13 billion** spent\n- **45%** of it\n\n  more\n:::")
    assert [words(entry.head) for entry in figures.children] == ["$13 billion", "45%"]
    assert words(figures.children[0].inlines) == "spent"
    assert [block.kind for block in figures.children[1].children] == ["paragraph"]


def test_a_bold_beginning_with_a_full_stop_runs_in() -> None:
    block = only("**The model.** It thinks.")
    assert (block.kind, words(block.head), words(block.inlines)) == (
        "run-in",
        "The model.",
        "It thinks.",
    )


def test_bold_words_alone_or_without_a_stop_do_not_run_in() -> None:
    assert only("**Bold.**").kind == only("**Bold** and more.").kind == "paragraph"


def test_say_goes_with_its_words() -> None:
    span = only('[$13 billion]{say="thirteen billion dollars"}').inlines[0]
    assert (span.kind, words((span,)), span.attributes) == (
        "span",
        "$13 billion",
        {"say": "thirteen billion dollars"},
    )


def test_braces_of_templates_are_text() -> None:
    assert (
        words(only("Write {{ name }} and {% if %} so.").inlines)
        == "Write {{ name }} and {% if %} so."
    )


def test_html_is_text() -> None:
    assert words(only("<script>alert(1)</script>").inlines) == "<script>alert(1)</script>"


def test_a_dangerous_link_is_text() -> None:
    assert [inline.kind for inline in only("[x](javascript:alert)").inlines] == ["text"]


def test_a_quotation_knows_its_speaker() -> None:
    quote = only("> Words said\n> — Ann Lee, Example Corp")
    assert (quote.attributes["by"], quote.attributes["role"]) == ("Ann Lee", "Example Corp")
    assert words(quote.children[0].inlines) == "Words said"


def test_a_speaker_may_stand_in_a_paragraph_of_their_own() -> None:
    quote = only("> Words said\n>\n> — Ann Lee")
    assert (quote.attributes["by"], len(quote.children)) == ("Ann Lee", 1)


def test_a_quotation_of_one_dashed_line_is_kept() -> None:
    quote = only("> — nothing else")
    assert (quote.attributes["by"], len(quote.children)) == ("", 1)


def test_a_pull_quote_that_repeats_the_body_is_marked() -> None:
    found = blocks(
        "So it *is* said, twice.\n\n::: pull\nSo it is said, twice.\n:::\n\n::: pull\nNever before.\n:::"
    )
    assert [block.attributes["repeats"] for block in found if block.kind == "pull"] == ["true", ""]


def test_an_image_alone_is_a_figure_with_its_caption() -> None:
    figure = only('![Alt text](a.png "Caption")')
    assert (figure.kind, figure.attributes, words(figure.inlines)) == (
        "figure",
        {"src": "a.png", "alt": "Alt text"},
        "Caption",
    )


def test_files_are_remembered_with_their_lines() -> None:
    found = document(
        'Words\n\n![x](a%20b.png)\n\n[report](report.pdf)\n\n::: {.audio src="clip.mp3" title="A clip"}\n:::'
    )
    assert found.files == (("a b.png", 3), ("report.pdf", 5), ("clip.mp3", 7))


def test_a_link_to_an_episode_names_it() -> None:
    link = only("[it](../00-trailer/episode.md#why)").inlines[0]
    assert link.attributes == {"episode": "00-trailer", "fragment": "why", "title": ""}


def test_footnotes_are_numbered_in_order_of_mention() -> None:
    found = document("A[^z] B[^a].\n\n[^a]: second\n[^z]: first\n")
    assert [note.attributes["number"] for note in found.footnotes] == ["1", "2"]
    assert words(found.footnotes[0].children[0].inlines) == "first"


def test_a_table_keeps_header_and_alignment() -> None:
    table = only("| a | b |\n|---|--:|\n| 1 | 2 |")
    assert [row.attributes["header"] for row in table.children] == ["true", ""]
    assert [cell.attributes["align"] for cell in table.children[1].children] == ["", "right"]


def test_headings_have_distinct_ids_or_their_own() -> None:
    found = blocks("## Same\n\n## Same\n\n## Other {#mine}")
    assert [block.attributes["id"] for block in found] == ["same", "same-2", "mine"]
    assert words(found[2].inlines) == "Other"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("::: lede\nx", '10: "::: lede" is never closed'),
        ("a\n\n:::", '12: ":::" closes a block that was never opened'),
        ("::: led\nx\n:::", 'unknown block "led"; did you mean "lede"?'),
        ('::: {.pull bye="x"}\nx\n:::', 'no attribute "bye"; did you mean "by"?'),
        ("::: {.pull by='x'}\nx\n:::", "cannot read \"by='x'\""),
        ("::: {.pull .lede}\nx\n:::", "a block has one name"),
        ('::: {by="x"}\nx\n:::', "names no block"),
        ("::: a b\nx\n:::", 'followed by "a b"'),
        ("::: correction\nx\n:::", '"correction" needs date="…"'),
        ('::: {.correction date="5 June"}\nx\n:::', 'date="5 June" is not a date'),
        ('::: {.only for="mail"}\nx\n:::', 'no medium "mail"; did you mean "email"?'),
        ('::: {.only for=""}\nx\n:::', "names no medium"),
        ("::: timeline\nwords\n:::", "holds one list and nothing else"),
        ("::: timeline\n- words\n:::", "begins with its term in bold"),
        ("::: callout\n:::", '"callout" is empty'),
        ('::: {.embed url="ftp://x" title="t"}\n:::', "is not a web address"),
        ("# Title", 'begin with "##"'),
        ("##", "a heading without words"),
        ("## A {#x}\n\n## B {#x}", '12: the id "#x" is used twice'),
        ("a [^2]", "footnote [^2] is not defined"),
        ("[x]()", "leads nowhere"),
        ('[x]{sya="y"}', 'no attribute "sya"; did you mean "say"?'),
        ("![x](https://elsewhere.example/a.png)", "is on another server"),
        ("![x](../a.png)", "is not a file beside episode.md"),
        ("![x](/etc/passwd)", "is not a file beside episode.md"),
        ("> " * 10_000 + "x", "nested more than"),
        ("- " * (DEEPEST + 1) + "x\n", "nested more than"),
    ],
)
def test_what_is_wrong_is_named(text: str, said: str) -> None:
    message = refusal(text)
    assert said in message
    assert message.startswith("episode.md:1")


def test_a_bracket_with_a_caret_may_be_escaped() -> None:
    assert words(only(r"an array\[^1] and `[^2]`").inlines) == "an array[^1] and [^2]"


@pytest.mark.parametrize(
    "text", ["[" * 5_000, "*" * 5_000 + "a", "`" * 5_000, "word " * 5_000, "~" * 5_000]
)
def test_odd_text_is_one_block(text: str) -> None:
    assert len(blocks(text)) == 1


def test_every_fence_kind_can_be_read() -> None:
    values = {
        "date": "2026-01-01",
        "for": "web",
        "src": "a.mp3",
        "title": "T",
        "url": "https://a.example",
    }
    for kind, fence in FENCES.items():
        attributes = "".join(f' {name}="{values[name]}"' for name in sorted(fence.required))
        body = "- **Term** words" if fence.entries else "words"
        assert only(f"::: {{.{kind}{attributes}}}\n{body}\n:::").kind == kind


def test_letters_of_any_script_make_an_id() -> None:
    assert slugify("Größe – أهلا 你好!") == "grösse-أهلا-你好"


def test_a_footnote_mentioned_twice_is_linked_back_from_each_place() -> None:
    (paragraph,) = document("A[^x] and B[^x].\n\n[^x]: note").blocks
    notes = [inline.attributes for inline in paragraph.inlines if inline.kind == "note"]
    assert [note["id"] for note in notes] == ["fn-1", "fn-1"]
    assert [note["from"] for note in notes] == ["fn-1-from", "fn-1-from-2"]
