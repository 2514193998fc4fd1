"""The commands, as a person types them."""

from __future__ import annotations

import errno
import json
import mailbox
import os
import shutil
import subprocess
import sys
import threading
import urllib.request
from email.header import decode_header, make_header
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result

from pipeline import config, identity
from pipeline.cli import COMMANDS, main
from pipeline.stage import installed
from tests.publications import BODY, SETTINGS, front_matter, small, write

NOW = "2026-06-01T00:00:00Z"
SIMULCAST = [sys.executable, "-c", "from pipeline.cli import main; main()"]


def simulcast(root: Path, *words: str) -> Result:
    return CliRunner().invoke(
        main, [*words, "--root", str(root), "--now", NOW], catch_exceptions=False
    )


def answered(root: Path, *words: str) -> dict[str, object]:
    result = simulcast(root, *words, "--json")
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def tree(root: Path) -> dict[str, bytes]:
    return {
        f.relative_to(root).as_posix(): f.read_bytes()
        for f in sorted(root.rglob("*"))
        if f.is_file()
    }


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A publication of two episodes, published once."""
    root = small(
        tmp_path_factory.mktemp("letter"),
        SETTINGS + 'notice = "Narrated by a synthetic voice."\n',
        e01_first=front_matter() + BODY,
        e02_second=front_matter(2, "Second") + BODY,
    )
    result = simulcast(root, "publish")
    assert result.exit_code == 0, result.output
    return root


def test_publish_makes_every_medium(published: Path) -> None:
    site = published / "build/site"
    for path in (
        "index.html",
        "02-second/index.html",
        "rss.xml",
        "atom.xml",
        "feed.json",
        "podcast.xml",
        "audio/02-second.mp3",
        "02-second/transcript.vtt",
        "02-second/transcript.srt",
        "02-second/transcript.json",
        "02-second/transcript.html",
        "02-second/chapters.json",
        "02-second/card.png",
        "sitemap.xml",
        "feeds.opml",
        "feed.css",
        "feed.xsl",
        "archive/index.html",
        "subscribe/index.html",
    ):
        assert (site / path).stat().st_size > 0, path
    for ending in ("html", "txt", "eml"):
        text = (published / f"build/email/02-second.{ending}").read_text()
        assert "Small Letter by email" in text
        assert "slot.invalid" not in text
    assert (
        "https://slot.invalid/unsubscribe_url"
        in (published / "build/edition/02-second.txt").read_text()
    )


def test_publish_mails_the_newest_episode_to_every_subscriber(published: Path) -> None:
    (message,) = mailbox.Maildir(published / "build/outbox")
    assert message["To"] == "reader@small.example"
    assert message["Subject"] == "Second"
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative",
        "text/plain",
        "text/html",
    ]


def test_a_second_publish_makes_nothing_sends_nothing_and_says_so(published: Path) -> None:
    before = tree(published)
    result = simulcast(published, "publish")
    assert result.exit_code == 0
    assert "Nothing to make" in result.stdout
    assert "Nothing to send" in result.stdout
    after = tree(published)
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    assert not {path for path in changed if not path.startswith(".simulcast/")}


def test_publish_answers_in_json(published: Path) -> None:
    told = answered(published, "publish")
    assert (told["made"], told["changed"], told["mailed"], told["published"]) == (0, [], [], True)


def test_published_json_remembers_what_went_out(published: Path) -> None:
    known = json.loads((published / "content/published.json").read_text())
    assert list(known["episodes"]) == ["01-first", "02-second"]
    assert known["episodes"]["01-first"]["published"] == "2026-01-01T08:00:00+00:00"


def test_status_adds_up(published: Path) -> None:
    (edition,) = answered(published, "status")["editions"]  # type: ignore[misc]
    assert (edition["slug"], edition["audience"], edition["accepted"], edition["hold"]) == (
        "02-second",
        1,
        1,
        True,
    )
    assert "adds up" in simulcast(published, "status").stdout


def test_why_is_silent_about_what_is_fresh(published: Path) -> None:
    assert "02-second is fresh" in simulcast(published, "why", "02").stdout


def test_stages_are_listed_in_the_order_they_run(published: Path) -> None:
    names = list(answered(published, "stages"))
    assert set(names) >= {
        "page",
        "email",
        "feed",
        "script",
        "narration",
        "audio",
        "podcast",
        "backlist",
        "site",
        "art",
    }
    assert (
        names.index("script")
        < names.index("narration")
        < names.index("audio")
        < names.index("podcast")
    )


def test_each_stage_is_a_command(tmp_path: Path) -> None:
    told = answered(small(tmp_path), "script", "01")
    assert told["stages"] == {
        "script": {"made": ["01-first"], "reused": [], "failed": {}, "skipped": {}}
    }
    assert (tmp_path / "build/script/01-first.json").exists()
    assert not (tmp_path / "build/site").exists()


def test_a_dry_run_tells_and_sends_nothing(tmp_path: Path) -> None:
    result = simulcast(small(tmp_path), "publish", "--dry-run")
    assert "Would mail First to readers: 1 message." in result.stdout
    assert not (tmp_path / "build/outbox").exists()
    assert not (tmp_path / "content/published.json").exists()


def test_a_new_subscriber_gets_the_next_episode_and_no_old_one(tmp_path: Path) -> None:
    simulcast(small(tmp_path), "publish")
    assert (
        "1 address added" in simulcast(tmp_path, "subscribers", "add", "Late@Small.Example").stdout
    )
    assert "Nothing to send" in simulcast(tmp_path, "publish").stdout
    write(tmp_path, "content/02-second/episode.md", front_matter(2, "Second") + BODY)
    assert simulcast(tmp_path, "publish").exit_code == 0
    subjects = sorted(message["Subject"] for message in mailbox.Maildir(tmp_path / "build/outbox"))
    assert subjects == ["First", "Second", "Second"]


def test_an_older_episode_is_mailed_when_it_is_asked_for_and_only_once(tmp_path: Path) -> None:
    small(tmp_path, e01_first=front_matter() + BODY, e02_second=front_matter(2, "Second") + BODY)
    simulcast(tmp_path, "publish")
    for _ in range(2):
        assert simulcast(tmp_path, "send", "01").exit_code == 0
    subjects = sorted(message["Subject"] for message in mailbox.Maildir(tmp_path / "build/outbox"))
    assert subjects == ["First", "Second"]


def test_a_broken_issue_is_refused_and_nothing_goes_out(tmp_path: Path) -> None:
    small(tmp_path, e01_first=front_matter() + BODY + "\nTK more here.\n")
    result = simulcast(tmp_path, "publish")
    assert result.exit_code == 1
    assert "content/01-first/episode.md:14: E1" in result.stderr
    assert "Nothing was published" in result.stderr
    assert not (tmp_path / "build/outbox").exists()
    assert not (tmp_path / "content/published.json").exists()


def test_check_finds_nothing_in_a_clean_publication(published: Path) -> None:
    result = simulcast(published, "check")
    assert (result.exit_code, result.stdout, result.stderr) == (
        0,
        "Checked 2 episodes: nothing to mend.\n",
        "",
    )


def test_a_published_episode_that_is_gone_is_refused(tmp_path: Path) -> None:
    small(tmp_path, e01_first=front_matter() + BODY, e02_second=front_matter(2, "Second") + BODY)
    simulcast(tmp_path, "publish")
    (tmp_path / "content/01-first/episode.md").unlink()
    (tmp_path / "content/01-first").rmdir()
    result = simulcast(tmp_path, "publish")
    assert result.exit_code == 1
    assert "content/01-first/episode.md:1: E162 was published" in result.stderr


def test_a_publication_is_deployed_to_a_folder(tmp_path: Path) -> None:
    small(tmp_path / "letter", SETTINGS + '\n[deploy]\nto = "../www"\n')
    told = answered(tmp_path / "letter", "publish")
    assert "index.html" in told["uploaded"]  # type: ignore[operator]
    assert tree(tmp_path / "www").keys() >= {"index.html", "rss.xml", "audio/01-first.mp3"}
    assert answered(tmp_path / "letter", "publish")["uploaded"] == []


def test_a_scheduled_episode_waits(tmp_path: Path) -> None:
    small(
        tmp_path,
        e01_first=front_matter() + BODY,
        e02_later=front_matter(2, published="2026-07-01T08:00:00Z") + BODY,
    )
    result = simulcast(tmp_path, "build")
    assert "Scheduled: 02-later, for 2026-07-01 08:00" in result.stdout
    assert not (tmp_path / "build/site/02-later").exists()
    assert "02-later" not in (tmp_path / "build/site/rss.xml").read_text()
    assert "is not out before 2026-07-01" in simulcast(tmp_path, "build", "02").stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["publsh"], 2, 'no command "publsh"; did you mean "publish"?'),
        (["build", "--rot", "x"], 2, "--root"),
        (["build", "99"], 1, 'there is no episode "99"'),
        (
            ["send", "01", "--list", "raeders"],
            1,
            'there is no list "raeders"; did you mean "readers"?',
        ),
        (["build", "--now", "soon"], 2, '"soon" is not a time'),
    ],
)
def test_what_is_typed_wrongly_is_told_with_a_suggestion(
    tmp_path: Path, words: list[str], code: int, said: str
) -> None:
    small(tmp_path)
    result = CliRunner().invoke(main, [*words, "--root", str(tmp_path)])
    assert result.exit_code == code
    assert said in result.stderr


def test_outside_a_publication_it_says_where_to_go(tmp_path: Path) -> None:
    result = simulcast(tmp_path, "publish")
    assert result.exit_code == 1
    assert "simulcast new publication" in result.stderr


def test_a_new_publication_publishes_at_once(tmp_path: Path) -> None:
    assert simulcast(tmp_path, "new", "publication", "my-letter").exit_code == 0
    root = tmp_path / "my-letter"
    settings = root / "content/publication.toml"
    settings.write_text(settings.read_text().replace('narrator = "kokoro"', 'narrator = "nanotts"'))
    result = simulcast(root, "publish")
    assert result.exit_code == 0, result.output
    assert (root / "build/site/audio/01-hello.mp3").exists()
    assert "already" in simulcast(tmp_path, "new", "publication", "my-letter").stderr


def test_the_command_to_go_on_with_can_be_copied(tmp_path: Path) -> None:
    said = simulcast(tmp_path, "new", "publication", "föö bär").stdout
    assert said.endswith("then: simulcast preview --root 'föö bär'\n")


def test_a_new_episode_takes_the_next_number_and_is_refused_until_written(tmp_path: Path) -> None:
    small(tmp_path)
    assert simulcast(tmp_path, "new", "episode", 'Größe: "zwei"').exit_code == 0
    (file,) = (tmp_path / "content").glob("02-*/episode.md")
    assert file.parent.name == "02-groe-zwei"
    result = CliRunner().invoke(
        main, ["check", "--root", str(tmp_path), "--now", "2100-01-01T00:00:00Z"]
    )
    assert result.exit_code == 1
    assert "02-groe-zwei/episode.md:6: E1" in result.stderr


def test_help_names_every_command_and_stage() -> None:
    text = CliRunner().invoke(main, ["--help"]).stdout
    for name in COMMANDS:
        assert f"\n  {name} " in text
    named = " ".join(text.partition("Stages:")[2].split())
    assert all(name in named for name in installed())


def package(folder: Path) -> dict[str, str]:
    """A third party's package with a stage of its own, on the path as if it were installed."""
    write(
        folder,
        "haiku_stage.py",
        '"""A stage from elsewhere."""\n'
        "from pipeline.stage import Artifact, stage\n\n\n"
        '@stage(per="episode")\n'
        "def haiku(listing, script):\n"
        '    """A haiku of the episode."""\n'
        '    yield Artifact(f"site/{listing.slug}/haiku.txt", listing.title)\n',
    )
    write(
        folder, "haiku-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: haiku\nVersion: 1.0\n"
    )
    write(
        folder,
        "haiku-1.0.dist-info/entry_points.txt",
        "[simulcast.stages]\nhaiku = haiku_stage:haiku\n",
    )
    return {**os.environ, "PYTHONPATH": str(folder)}


def typed(environment: dict[str, str], *words: str) -> str:
    done = subprocess.run(
        [*SIMULCAST, *words], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_third_partys_stage_is_listed_helped_and_built(tmp_path: Path) -> None:
    environment = package(tmp_path / "elsewhere")
    root = small(tmp_path / "letter")
    assert "A haiku of the episode." in typed(environment, "stages")
    assert "haiku" in typed(environment, "--help")
    typed(environment, "haiku", "01", "--root", str(root))
    assert (root / "build/site/01-first/haiku.txt").read_text() == "First"


HEAVY = {
    *("babel", "feedgen", "fsspec", "jinja2", "lxml", "markdown_it", "mjml", "numpy"),
    *("onnxruntime", "PIL", "pydantic", "pydub", "sqlalchemy", "yaml"),
}
HELP = """\
import sys
from pipeline.cli import main
try:
    main(["--help"])
except SystemExit:
    print(*sys.modules)
"""


def test_help_imports_nothing_heavy() -> None:
    out = subprocess.run(
        [sys.executable, "-c", HELP], capture_output=True, text=True, check=True
    ).stdout
    loaded = set(out.splitlines()[-1].split())
    assert loaded & HEAVY == set()


def test_a_full_disk_is_the_worlds_failure_wherever_it_is_met(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small(tmp_path, SETTINGS.replace('"nanotts"', '"none"'), e01_first=front_matter() + BODY)

    def full(*_: object) -> bool:
        raise OSError(errno.ENOSPC, "No space left on device", "published.json")

    with monkeypatch.context() as patch:
        patch.setattr(identity, "record", full)
        refused = simulcast(tmp_path, "publish")
    assert (refused.exit_code, refused.stderr.splitlines()[-1]) == (
        3,
        "published.json: No space left on device",
    )
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=0))
        refused = simulcast(tmp_path, "publish")
    assert refused.exit_code == 3 and "is full; make room" in refused.stderr
    assert simulcast(tmp_path, "publish").exit_code == 0
    assert len(mailbox.Maildir(tmp_path / "build/outbox")) == 1


def test_what_is_checked_apart_leaves_build_as_it_is(tmp_path: Path) -> None:
    ahead = front_matter(2, "Ahead", published="2026-07-01T08:00:00Z") + BODY
    small(tmp_path, e01_first=front_matter() + BODY, e02_ahead=ahead)
    assert simulcast(tmp_path, "build").exit_code == 0
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "build").rglob("*")}
    words = ["check", "--into", "elsewhere", "--root", str(tmp_path), "--now", "2026-08-01"]
    CliRunner().invoke(main, words, catch_exceptions=False)
    assert (tmp_path / "elsewhere/site/02-ahead/index.html").exists()
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "build").rglob("*")} == before
    again = json.loads(simulcast(tmp_path, "build", "--json").stdout)
    assert not again["changed"] and not again["removed"]


def test_preview_serves_the_site(published: Path) -> None:
    words = ["preview", "--root", str(published), "--now", NOW, "--port", "0", "--no-open"]
    with subprocess.Popen([*SIMULCAST, *words], stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        stop = threading.Timer(60, running.kill)
        stop.start()
        try:
            address = running.stdout.readline().partition(" is at ")[2].split()[0]
            with urllib.request.urlopen(f"{address}02-second/") as answer:
                assert "Second" in answer.read().decode()
        finally:
            stop.cancel()
            running.terminate()


@pytest.mark.parametrize(
    "words",
    [
        ["publish"],
        ["publish", "--dry-run"],
        ["send", "01"],
        ["check"],
        ["build", "99"],
        ["why", "99"],
        ["status"],
    ],
)
def test_a_refusal_in_json_is_one_document(tmp_path: Path, words: list[str]) -> None:
    small(tmp_path, e01_first=front_matter() + BODY + "\nTK\n")
    assert isinstance(json.loads(simulcast(tmp_path, *words, "--json").stdout), dict)


def test_what_a_stage_prints_does_not_stand_in_an_answer(tmp_path: Path) -> None:
    environment = package(tmp_path / "elsewhere")
    stage_file = tmp_path / "elsewhere/haiku_stage.py"
    stage_file.write_text(
        stage_file.read_text().replace("    yield", '    print("syllables")\n    yield')
    )
    out = typed(environment, "haiku", "01", "--json", "--root", str(small(tmp_path / "letter")))
    assert json.loads(out)["made"] == 2


def test_publishing_leaves_the_authors_files_alone(published: Path) -> None:
    assert (published / "content/artwork/cover.png").stat().st_size > 0
    assert {file.name for file in (published / "content").iterdir()} == {
        "01-first",
        "02-second",
        "artwork",
        "published.json",
        "publication.toml",
    }


def test_a_language_that_no_voice_reads_is_published_without_one(tmp_path: Path) -> None:
    settings = SETTINGS.replace('language = "en"', 'language = "ar"').replace(
        'title = "Small Letter"', 'title = "رسالة صغيرة 😀"', 1
    )
    text = (
        front_matter(title="الذهب 🥇 & <b>") + "مرحبا بالعالم. هذه **جملة**.\n\n## عنوان\n\nنص.\n"
    )
    refused = simulcast(small(tmp_path, settings, e01_first=text), "publish")
    assert refused.exit_code == 1
    assert 'nanotts does not read "ar"' in refused.stderr
    assert 'write narrator = "none"' in refused.stderr
    small(tmp_path, settings.replace('"nanotts"', '"none"'), e01_first=text)
    result = simulcast(tmp_path, "publish")
    assert result.exit_code == 0, result.output
    assert 'dir="rtl"' in (tmp_path / "build/site/01-first/index.html").read_text()
    assert not (tmp_path / "build/site/audio").exists()
    (message,) = mailbox.Maildir(tmp_path / "build/outbox")
    assert str(make_header(decode_header(message["Subject"]))) == "الذهب 🥇 & <b>"


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
STRICT = {"PYTHONIOENCODING": "utf-8:strict"}
LINUX = pytest.mark.skipif(sys.platform != "linux", reason="names are UTF-8 on this system")


def ran(where: Path, more: dict[str, str], *words: str) -> subprocess.CompletedProcess[bytes]:
    """A command in a process of its own, begun in a publication's folder."""
    there = {**os.environ, "PWD": str(where), **more}
    command = [*SIMULCAST, *words, "--now", NOW]
    return subprocess.run(command, cwd=where, env=there, capture_output=True, check=False)


@LINUX
@pytest.mark.parametrize(
    ("name", "more"),
    [("Bücher".encode(), ASCII), ("Bücher".encode("latin-1"), STRICT)],
    ids=["letters beyond ASCII in a locale without them", "a name that is not UTF-8"],
)
def test_a_publication_may_lie_in_a_folder_of_any_name(
    tmp_path: Path, name: bytes, more: dict[str, str]
) -> None:
    text = front_matter() + BODY + "\n![Grey](größe.png)\n"
    root = small(tmp_path / os.fsdecode(name), e01_first=text)
    shutil.copy(root / "content/artwork/cover.png", root / "content/01-first/größe.png")
    plain = small(tmp_path / "plain", e01_first=text)
    shutil.copy(root / "content/artwork/cover.png", plain / "content/01-first/größe.png")
    assert ran(plain, {}, "publish", "--yes").returncode == 0

    for words in (["check"], ["publish", "--yes"], ["subscribers", "list"], ["schedule", "cron"]):
        result = ran(root, more, *words)
        assert result.returncode == 0, result.stderr.decode(errors="replace")
    assert name in result.stdout
    assert tree(root / "build/site") == tree(plain / "build/site")


@LINUX
def test_a_python_that_will_not_read_names_as_utf8_is_told_of(tmp_path: Path) -> None:
    code = "from pipeline.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-X", "utf8=0", "-c", code, "stages"],
        env={**os.environ, **ASCII},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 3
    assert "names of files are read as ascii" in result.stderr
    assert "LC_ALL=C.UTF-8" in result.stderr


def test_a_title_is_made_of_what_can_be_shown_of_a_folders_name(tmp_path: Path) -> None:
    folder = tmp_path / "small\n-- \x07letter"
    assert CliRunner().invoke(main, ["new", "publication", str(folder)]).exit_code == 0
    assert config.publication(folder).title == "Small Letter"
