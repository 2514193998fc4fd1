"""The email and its kin: within what mail clients take, and what an author writes stays text."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from lxml import html as lxml_html

from pipeline import config, identity, markdown, source
from pipeline.errors import AuthorError, TemplateError
from pipeline.model import (
    Episode,
    Listing,
    Narration,
    Person,
    Place,
    Podcast,
    Publication,
    Series,
    SeriesEntry,
)
from pipeline.stage import Artifacts, Made
from pipeline.stages.email import DEEPEST, WIDTH, email, message, nesting, wrapped
from pipeline.stages.entry import entry
from pipeline.templates import SLOT, Templates, search_path
from tests.peers import peer

ROOT = Path(__file__).parent.parent
CLIPPED = 102_400
"""Bytes of HTML beyond which Gmail hides the rest."""
STYLE = 16_384
"""Bytes of a <style> beyond which Gmail ignores it."""

HOSTILE = (
    '" onmouseover="alert(1)" \' <script>alert(2)</script> {{ 7 * 7 }} {% raw %} ]]> <!-- --> '
    "</mj-text></td><mj-nope> <![if mso]> &amp; & \\ مرحبا 🦉"
)
SPOKEN = {"p", "sub", "break", "mark", "voice"}

LISTING = Listing(
    6, "Sample", datetime(2026, 6, 3, 8, tzinfo=UTC), "What it says.", slug="06-sample"
)
PUBLICATION = Publication(
    title="Small Letter",
    url="https://small.example/",
    description="A letter as small as can be.",
    people=(Person("ada", "Ada Example", about="Ada writes **Small Letter**."),),
    series=Series("Small Letter"),
    podcast=Podcast("Ada Example", "ada@small.example", "content/artwork/cover.png"),
    narration=Narration(notice="Narrated by a synthetic voice"),
)
PLACE = Place(
    None,
    None,
    (
        SeriesEntry(4, "Never had a page", "Only a line"),
        SeriesEntry(5, "The one before?", "With a page", "05-before"),
        SeriesEntry(6, "Sample", "", "06-sample"),
    ),
)


@pytest.fixture(scope="module")
def templates() -> Templates:
    return Templates(search_path(ROOT, "ledger"))


def an_episode(text: str = "Words.\n", listing: Listing = LISTING) -> Episode:
    read = markdown.document(text)
    return Episode(listing, f"content/{listing.slug}/episode.md", read.blocks, read.footnotes)


def heard(folder: Path, slug: str = "06-sample", made_by: str = "narration") -> Artifacts:
    """What the audio stage leaves behind."""

    def made(path: str, content: bytes) -> Made:
        file = folder / path.rpartition("/")[2]
        file.write_bytes(content)
        return Made(path, "0", len(content), str(file))

    about = {"duration": 842.0, "size": 3, "source": made_by}
    return Artifacts(
        (
            made(f"site/audio/{slug}.mp3", b"mp3"),
            made(f"audio/{slug}.json", json.dumps(about).encode()),
        )
    )


def both_parts(
    templates: Templates,
    episode: Episode,
    publication: Publication = PUBLICATION,
    place: Place = PLACE,
    audio: Artifacts | None = None,
) -> tuple[str, str]:
    """The HTML and the plain text that the email stage yields."""
    html, text, *_ = email.function(
        publication=publication,
        listing=episode.listing,
        episode=episode,
        place=place,
        templates=templates,
        audio=audio or Artifacts(),
    )
    assert (html.path, text.path) == (f"edition/{episode.slug}.html", f"edition/{episode.slug}.txt")
    assert isinstance(html.content, str)
    assert isinstance(text.content, str)
    return html.content, text.content


def feed_entry(
    templates: Templates, episode: Episode, publication: Publication = PUBLICATION
) -> str:
    (made,) = entry.function(
        publication=publication,
        listing=episode.listing,
        episode=episode,
        place=PLACE,
        recording=None,
        templates=templates,
    )
    assert isinstance(made.content, str)
    return made.content


def said(
    templates: Templates, episode: Episode, publication: Publication = PUBLICATION
) -> ElementTree.Element:
    ssml = templates.render(
        "speech/episode.ssml",
        publication=publication,
        listing=episode.listing,
        episode=episode,
        place=PLACE,
        narrated=True,
    )
    return ElementTree.fromstring(f"<speak>{ssml}</speak>")


def sentences(speech: ElementTree.Element) -> list[str]:
    return [re.sub(r"\s+", " ", "".join(p.itertext())).strip() for p in speech.iter("p")]


@pytest.fixture(scope="module")
def full(templates: Templates, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """Episode 06 of the publication in this repository: HTML, plain text, feed entry."""
    publication = config.publication(ROOT)
    contents = source.contents(ROOT, publication, identity.Identities())
    episode = source.episode(contents.sources["06-microsoft-vs-everyone"], ROOT)
    place = source.places(contents.listings, source.index(publication))[episode.slug]
    audio = heard(tmp_path_factory.mktemp("audio"), episode.slug)
    html, text = both_parts(templates, episode, publication, place, audio)
    return html, text, feed_entry(templates, episode, publication)


# --- the whole of episode 06 ----------------------------------------------------------------------


def test_the_sample_is_short_enough_for_gmail(full: tuple[str, str, str]) -> None:
    html = full[0]
    assert len(html.encode()) < CLIPPED
    assert (
        sum(len(style.encode()) for style in re.findall(r"<style.*?</style>", html, re.S)) < STYLE
    )


def test_nothing_of_mjml_or_jinja_is_left_in_the_sample(full: tuple[str, str, str]) -> None:
    html = full[0]
    assert "<mj-" not in html
    assert not re.search(r"\{\{|\{%|\{#", html)
    assert "fonts.googleapis" not in html


def test_every_picture_and_link_of_the_sample_is_absolute(full: tuple[str, str, str]) -> None:
    for part in (full[0], full[2]):
        tree = lxml_html.fromstring(part)
        addresses = tree.xpath("//@href | //@src")
        assert len(addresses) > 5
        assert all(address.startswith("https://") for address in addresses)
        assert all(alt.strip() for alt in tree.xpath("//img/@alt"))
        assert len(tree.xpath("//img")) == len(tree.xpath("//img/@alt"))


def test_words_for_the_email_stand_in_both_its_parts_and_nowhere_else(
    full: tuple[str, str, str],
) -> None:
    html, text, entry_ = full
    assert "Hit reply" in html
    assert "Hit reply" in re.sub(r"\s+", " ", text)
    assert "Hit reply" not in entry_
    assert all("Seeing it does not make it simpler" not in part for part in full)


def test_a_style_is_written_into_elements_and_the_dark_one_kept(full: tuple[str, str, str]) -> None:
    html = full[0]
    tree = lxml_html.fromstring(html)
    (heading,) = tree.xpath("//h1")
    assert "font-size: 42px" in heading.get("style")
    assert "prefers-color-scheme: dark" in html
    assert "[data-ogsc]" in html
    assert "<!--[if mso" in html
    assert 'name="color-scheme" content="light dark"' in html


WIDE = """\
## Donaudampfschifffahrtselektrizitätenhauptbetriebswerk

https://example.org/a/very/long/path/that/goes/on/and/on/until/it/is/wider/than/any/telephone

| Model | Parameters | Context | In | Out | Licence | Released |
|:--|--:|--:|--:|--:|:--|:--|
| Thinking | 35,000,000,000 | 256,000 | $1.10 | $4.40 | proprietary | 2 June 2026 |

`an_identifier_that_is_longer_than_the_screen_of_a_telephone_is_wide`

::: key-figures
- **$1,234,567,890,123** altogether
:::
"""


@pytest.mark.parametrize("dark", [False, True])
def test_no_word_and_no_table_is_wider_than_a_telephone(templates: Templates, dark: bool) -> None:
    [chromium] = peer("Chromium", "chromium")
    from playwright.sync_api import sync_playwright

    html, _ = both_parts(templates, an_episode(WIDE))
    with (
        sync_playwright() as driver,
        driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"]) as browser,
    ):
        scheme = "dark" if dark else "light"
        page = browser.new_page(
            viewport={"width": 375, "height": 800},
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        page.set_content(html)
        assert page.evaluate("document.documentElement.scrollWidth") == 375
        tall = "[...document.querySelectorAll('.wide th')].map(one => one.offsetHeight)"
        assert max(page.evaluate(tall)) < 60, "a heading of the table is broken into letters"
        ground = "getComputedStyle(document.querySelector('.paper')).backgroundColor"
        assert page.evaluate(ground) == ("rgb(18, 20, 24)" if dark else "rgb(246, 243, 236)")


def test_plain_text_keeps_to_its_columns(full: tuple[str, str, str]) -> None:
    text = full[1]
    long = [line for line in text.splitlines() if len(line) > WIDTH and " " in line.strip()]
    assert long == []
    assert not re.search(r"[ \t]+$", text, re.M)
    assert "\n\n\n" not in text
    assert "\t" not in text


def test_plain_text_has_no_html(full: tuple[str, str, str]) -> None:
    without_addresses = re.sub(r"<https://[^>]*>", "", full[1])
    assert not re.search(r"</?\w|&\w+;|&#", without_addresses)


def test_a_feed_entry_holds_what_every_reader_keeps(full: tuple[str, str, str]) -> None:
    tree = lxml_html.fromstring(full[2])
    assert not tree.xpath("//script | //style | //iframe | //svg | //math")
    assert not tree.xpath("//@class | //@style | //@id")
    assert not tree.xpath("//a[starts-with(@href, '#')]")


# --- the frame ------------------------------------------------------------------------------------


def test_the_slots_stand_in_both_parts(templates: Templates) -> None:
    for part in both_parts(templates, an_episode()):
        assert part.count(SLOT + "unsubscribe_url") == 1
        assert part.count(SLOT + "list_title") == 1


def test_the_slots_stand_after_all_the_words_of_the_episode(templates: Templates) -> None:
    for part in both_parts(templates, an_episode("The very last word: zymurgy.\n")):
        assert part.index(SLOT) > part.rindex("zymurgy")


def test_the_summary_is_what_an_inbox_shows(templates: Templates) -> None:
    html, _ = both_parts(templates, an_episode())
    body = lxml_html.fromstring(html).find("body")
    assert body is not None
    first = next(words.strip() for words in body.itertext() if words.strip())
    assert first.startswith("What it says.")


def test_an_email_says_where_to_listen_only_when_there_is_sound(
    templates: Templates, tmp_path: Path
) -> None:
    html, text = both_parts(templates, an_episode(), audio=heard(tmp_path))
    for part in (html, text):
        assert "14 min" in part
        assert "Narrated by a synthetic voice" in part
    assert "https://small.example/audio/06-sample.mp3" in text
    for part in both_parts(templates, an_episode()):
        assert "Listen" not in part


def test_a_recording_is_not_called_synthetic(templates: Templates, tmp_path: Path) -> None:
    audio = heard(tmp_path, made_by="recording")
    for part in both_parts(templates, an_episode(), audio=audio):
        assert "14 min" in part
        assert "synthetic" not in part


def test_the_series_index_links_what_has_a_page_and_marks_where_one_is(
    templates: Templates,
) -> None:
    html, text = both_parts(templates, an_episode())
    for tree in (
        lxml_html.fromstring(html),
        lxml_html.fromstring(feed_entry(templates, an_episode())),
    ):
        linked = [link.text_content() for link in tree.xpath("//a[contains(@href, '05-before')]")]
        assert linked == ["The one before?"]
        assert "Never had a page" in tree.text_content()
        assert tree.text_content().count("You are here") == 1
    assert "> 06  Sample (You are here)" in text


def test_a_trailer_has_no_number_and_no_series_index(templates: Templates) -> None:
    trailer = an_episode(listing=replace(LISTING, number=0, type="trailer"))
    for part in (*both_parts(templates, trailer), feed_entry(templates, trailer)):
        assert "Episode 00" not in part
        assert "You are here" not in part
    assert sentences(said(templates, trailer)) == [
        "Small Letter. Sample.",
        "Words.",
        "Narrated by a synthetic voice.",
    ]


def test_a_publication_says_the_fixed_words_in_its_own_language(tmp_path: Path) -> None:
    (tmp_path / "content" / "templates").mkdir(parents=True)
    (tmp_path / "content" / "templates" / "theme.toml").write_text(
        '[words]\nyou_are_here = "Sie sind hier"\ncorrection = "Berichtigung vom {date}"\n'
        'unsubscribe = "Abbestellen"\n[speech]\nhere = "Das war Folge {number}."\n',
        "utf-8",
    )
    german = Templates(search_path(tmp_path, "ledger"))
    publication = replace(PUBLICATION, language="de")
    episode = an_episode('::: {.correction date="2026-06-05"}\nNein.\n:::\n')
    html, text = both_parts(german, episode, publication)
    assert "Sie sind hier" in html
    assert "Berichtigung vom 5. Juni 2026" in html or "Berichtigung vom 5 Juni 2026" in html
    assert "Abbestellen: https://" in text
    assert "Das war Folge 6." in sentences(said(german, episode, publication))


def test_a_language_written_from_the_right_is_set_from_the_right(templates: Templates) -> None:
    html, _ = both_parts(templates, an_episode("مرحبا\n"), replace(PUBLICATION, language="ar"))
    tree = lxml_html.fromstring(html)
    assert tree.get("dir") == "rtl"
    (prose,) = tree.xpath("//td[@class='prose']")
    assert prose.get("align") == "right"
    assert "direction: rtl" in prose.get("style")


# --- what an author writes stays text -------------------------------------------------------------


def hostile_episode() -> tuple[Episode, Publication]:
    """An episode whose every field is an attempt to break out of it."""
    fenced = HOSTILE.replace("\\", "\\\\").replace('"', '\\"')
    bare = markdown_escaped(HOSTILE)
    text = (
        f'::: {{.lede by="{fenced}" role="{fenced}"}}\n{bare}\n:::\n\n'
        f'::: {{.callout title="{fenced}"}}\n{bare}\n:::\n\n'
        f'::: {{.key-figures title="{fenced}"}}\n- **{bare}** {bare}\n:::\n\n'
        f'::: {{.round-up title="{fenced}"}}\n- **{bare}** {bare}\n:::\n\n'
        f'::: {{.embed url="https://x.example/?q=%22%3E&a=1" title="{fenced}"}}\n:::\n\n'
        f'::: {{.audio src="a.mp3" title="{fenced}"}}\n:::\n\n'
        f"## {bare}\n\n**{bare}.** {bare}\n\n- {bare}\n\n"
        f'[{bare}](https://x.example/ "{fenced}") [{bare}]{{say="say"}}\n\n'
        f'![{bare}](a.png "{fenced}")\n\n'
        f"```\n{HOSTILE}\n```\n\n> {bare}\n>\n> — {bare}\n\n"
        f"|a|b|\n|-|-|\n|{bare}|{bare}|\n\nNote[^1].\n\n[^1]: {bare}\n"
    )
    listing = replace(LISTING, title=HOSTILE, subtitle=HOSTILE, summary=HOSTILE)
    publication = replace(
        PUBLICATION,
        title=HOSTILE,
        copyright=HOSTILE,
        people=(Person("ada", HOSTILE, about=bare),),
        series=Series(HOSTILE, HOSTILE),
        narration=Narration(notice=HOSTILE, closing=HOSTILE),
    )
    return an_episode(text, listing), publication


def markdown_escaped(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]()<>#+.!|&:~\"'-])", r"\\\1", text)


@pytest.mark.parametrize("medium", ["email", "feed"])
def test_hostile_words_never_become_elements_or_attributes(
    templates: Templates, medium: str
) -> None:
    episode, publication = hostile_episode()
    made = (
        both_parts(templates, episode, publication)[0]
        if medium == "email"
        else feed_entry(templates, episode, publication)
    )
    tree = lxml_html.document_fromstring(made)
    assert tree.xpath("//script") == []
    assert tree.xpath("//@*[starts-with(name(), 'on')]") == []
    assert [element.tag for element in tree.iter() if str(element.tag).startswith("mj-")] == []
    assert tree.text_content().count("<script>alert(2)</script>") > 10
    assert tree.text_content().count("{{ 7 * 7 }}") > 10
    assert "مرحبا 🦉" in tree.text_content()


def test_attributes_keep_quotes_backslashes_and_all_of_unicode(templates: Templates) -> None:
    words = 'Say "no" onclick="x()" \\ 👩\u200d🚀 हिन्दी e\u0301 so\u00adft'
    episode = an_episode(
        f'![{markdown_escaped(words)}](a.png)\n\n[x](https://x.example "two\nlines")\n',
        replace(LISTING, title=words),
    )
    html, _ = both_parts(templates, episode)
    tree = lxml_html.document_fromstring(html)
    assert tree.xpath("//@aria-label") == [words]
    assert tree.xpath("//img/@alt") == [words]
    assert tree.xpath("//h1")[0].text_content() == words
    assert tree.xpath("//a/@title") == ["two\nlines"]
    assert tree.xpath("//@onclick") == []


def test_hostile_words_are_spoken_as_text(templates: Templates) -> None:
    speech = said(templates, *hostile_episode())
    assert {element.tag for element in speech.iter()} - {"speak"} <= SPOKEN
    assert any("<script>alert(2)</script>" in sentence for sentence in sentences(speech))


def test_plain_text_says_hostile_words_as_they_were_written(templates: Templates) -> None:
    episode, publication = hostile_episode()
    _, text = both_parts(templates, episode, publication)
    assert "<script>alert(2)</script> {{ 7 * 7 }}" in re.sub(r"\s+", " ", text)
    assert "&lt;" not in text


# --- what is refused ------------------------------------------------------------------------------


def framed(inner: str) -> str:
    return (
        "<mjml><mj-body><mj-section><mj-column><mj-text>"
        f"{inner}</mj-text></mj-column></mj-section></mj-body></mjml>"
    )


def test_too_many_nested_tags_are_refused_before_they_end_the_process() -> None:
    deep = framed("<b>" * 9_000 + "</b>" * 9_000)
    with pytest.raises(AuthorError, match=r"06/episode.md: .* nested 9005 deep \(allowed: 400\)"):
        message(deep, "", "content/06/episode.md")


def test_blocks_as_deep_as_markdown_takes_them_become_an_email(templates: Templates) -> None:
    depth = (markdown.DEEPEST - 3) // 2
    html, text = both_parts(templates, an_episode("> " * depth + "down here\n"))
    assert "down here" in html
    assert "down here" in re.sub(r"\s+", " ", text)
    assert nesting(html.replace("<!doctype html>", "")) < DEEPEST


def test_a_template_that_leaves_a_tag_open_is_told_so() -> None:
    with pytest.raises(TemplateError, match="close <mj-text> where it is not open: line 1"):
        message(framed("<p>never closed"), "", "content/06/episode.md")
    with pytest.raises(TemplateError, match="never close <mjml>"):
        message("<mjml>", "", "content/06/episode.md")


def test_a_template_with_what_mjml_cannot_hold_is_told_so() -> None:
    with pytest.raises(TemplateError, match=r"filled for content/06/episode.md, is not MJML"):
        message(framed("5 < 6"), "", "content/06/episode.md")


def test_a_template_with_a_tag_that_mjml_does_not_know_is_told_so() -> None:
    with pytest.raises(TemplateError, match=r"<mj-nope>"):
        message(framed("<mj-nope>x</mj-nope>"), "", "content/06/episode.md")


# --- how plain text is laid out -------------------------------------------------------------------


def test_a_line_hangs_under_its_own_beginning_or_its_tab() -> None:
    words = "word " * 20
    assert wrapped(f"  {words}").splitlines()[1].startswith("  word")
    bullet = wrapped(f"- \t{words}").splitlines()
    assert bullet[0].startswith("- word")
    assert bullet[1].startswith("  word")


def test_a_line_that_ends_in_a_tab_and_a_long_address_are_left_whole() -> None:
    code = "    " + "x = 1; " * 20
    assert wrapped(f"{code}\t") == code.rstrip() + "\n"
    address = "https://small.example/" + "very-long-" * 12
    assert address in wrapped(f"See {address} for more.").splitlines()


# --- what is spoken -------------------------------------------------------------------------------


def test_a_quotation_is_in_the_second_voice_and_then_attributed(templates: Templates) -> None:
    speech = said(
        templates,
        an_episode('::: {.lede by="Dan Ives" role="Wedbush Securities"}\nComplex.\n:::\n'),
    )
    quoted = speech.find("voice[@name='quote']")
    assert quoted is not None
    assert sentences(quoted) == ["Complex."]
    assert "So said Dan Ives, Wedbush Securities." in sentences(speech)


def test_the_authors_own_words_are_in_the_authors_voice(templates: Templates) -> None:
    speech = said(templates, an_episode('::: {.pull by="Ada Example"}\nNew words.\n:::\n'))
    assert speech.find("voice") is None
    assert "New words." in sentences(speech)


def test_a_pull_quote_that_repeats_the_text_is_said_once(templates: Templates) -> None:
    text = "So it goes on.\n\n::: pull\nSo it goes on.\n:::\n"
    assert sentences(said(templates, an_episode(text))).count("So it goes on.") == 1


def test_a_note_is_not_read_aloud(templates: Templates) -> None:
    episode = an_episode("Seven models.[^a]\n\n[^a]: Microsoft counts seven.\n")
    spoken = sentences(said(templates, episode))
    assert "Seven models." in spoken
    assert not any("counts" in sentence for sentence in spoken)


def test_a_chapter_begins_at_every_heading(templates: Templates) -> None:
    speech = said(
        templates, an_episode("## One thing\n\nA.\n\n### Part\n\nB.\n\n## Another\n\nC.\n")
    )
    assert [mark.get("name") for mark in speech.iter("mark")] == ["one-thing", "another"]


def test_every_sentence_ends_as_one(templates: Templates) -> None:
    samples = (Path(__file__).parent / "golden" / "samples").glob("*.md")
    for file in sorted(samples):
        for sentence in sentences(said(templates, an_episode(file.read_text("utf-8")))):
            assert re.search(r"[.?!:…]$", sentence), f"{file.name}: {sentence}"


def test_the_series_is_recited_briefly(templates: Templates) -> None:
    spoken = sentences(said(templates, an_episode()))
    assert "This was Episode 6 of Small Letter." in spoken
    assert "Earlier: Never had a page. The one before?" in spoken
