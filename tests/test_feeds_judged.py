"""Every feed of hundreds of publications, extremes included, judged by the specifications' own means."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from base64 import b64encode
from hashlib import sha256
from html import unescape
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from lxml import etree

from pipeline.feeds.entries import address
from pipeline.feeds.xml import NAMESPACES
from tests import podcasting2
from tests.desks import Desk, extremes, generated, sample, with_alternates
from tests.jsonfeed import SCHEMA
from tests.peers import peer

GENERATED = 200
"""Publications whose every field is chosen by a seed, beside the extremes."""

Judged = dict[str, tuple[str, dict[str, bytes]]]


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    """By name, each publication's address and its feeds by path."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    found: Judged = {"sample": ("https://notes.example/", sample(desk))}
    for name, (of, episodes, more) in extremes().items():
        found[name] = (of.url, desk.feeds(of, episodes, **more))
    for seed in range(GENERATED):
        of, episodes, more = generated(seed)
        found[f"seed {seed}"] = (address(of.url), desk.feeds(of, episodes, **more))
    return found


def test_what_is_judged_has_pages_and_every_tag_that_we_write(judged: Judged) -> None:
    feeds = [feed for _, made in judged.values() for feed in made.items()]
    assert any(path == "feeds/2/podcast.xml" for path, _ in feeds)
    used = {
        tag for path, xml in feeds if path.endswith("podcast.xml") for tag in podcasting2.used(xml)
    }
    beside = {"alternateEnclosure", "source", "integrity"}  # these come of files
    assert used == set(podcasting2.TAGS) - beside


def test_podcasts_keep_the_specification_of_podcasting_2(judged: Judged) -> None:
    found = {
        f"{name}: {path}": faults
        for name, (_, made) in judged.items()
        for path, xml in made.items()
        if path.endswith("podcast.xml") and (faults := podcasting2.faults(xml))
    }
    assert found == {}


def test_json_feeds_keep_their_schema(judged: Judged) -> None:
    judge = Draft202012Validator(SCHEMA)
    judge.check_schema(SCHEMA)
    for name, (_, made) in judged.items():
        for path, text in made.items():
            if path.endswith(".json"):
                found = json.loads(text)
                faults = [
                    f"{error.json_path}: {error.message[:200]}"
                    for error in judge.iter_errors(found)
                ]
                assert not faults, (name, path)
                ids = [item["id"] for item in found["items"]]
                assert len(set(ids)) == len(ids)
                assert found.get("next_url") != found["feed_url"]


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("<podcast:guid>x</podcast:guid>", 'guid says "x"'),
        ("<podcast:medium>podcast</podcast:medium>" * 2, "medium stands 2 times in channel"),
        ("<podcast:funding>Pay</podcast:funding>", "funding lacks url"),
        ("<podcast:chapters/>", "chapters stands in channel"),
        ("<podcast:podroll/>", "podroll holds no remoteItem"),
        ('<podcast:podping usesPodping="true" x="1"/>', "podping has an attribute x"),
        ("<podcast:images/>", "images is no tag"),
    ],
)
def test_the_judge_of_podcasting_2_sees_what_is_wrong(written: str, said: str) -> None:
    namespace = podcasting2.NAMESPACE
    xml = f'<rss xmlns:podcast="{namespace}"><channel>{written}</channel></rss>'
    assert said in podcasting2.faults(xml.encode())


def test_other_audio_files_have_hashes_that_prove_them_whole(tmp_path: Path) -> None:
    xml = with_alternates(Desk(tmp_path))
    assert podcasting2.faults(xml) == []
    mp3, opus = etree.fromstring(xml).iterfind(".//podcast:alternateEnclosure", NAMESPACES)
    assert (mp3.get("default"), mp3.get("type"), opus.get("type"), opus.get("codecs")) == (
        "true",
        "audio/mpeg",
        "audio/ogg",
        "opus",
    )
    assert (
        opus.find("podcast:source", NAMESPACES).get("uri")
        == "https://notes.example/audio/01-moss.opus"
    )
    digest = b64encode(sha256(b"OggS" + bytes(900)).digest()).decode()
    assert opus.find("podcast:integrity", NAMESPACES).get("value") == f"sha256-{digest}"


def test_the_w3c_validator_finds_no_error_and_no_warning(judged: Judged, tmp_path: Path) -> None:
    files = []
    for number, (url, made) in enumerate(judged.values()):
        for path, xml in made.items():
            if path.endswith(".xml"):
                file = tmp_path / str(number) / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(xml)
                files += [url + path, str(file)]
    script = Path(__file__).with_name("w3c_verdicts.py")
    run = subprocess.run([sys.executable, str(script), *files], capture_output=True, text=True)
    if run.returncode == 3:
        pytest.skip(f"no W3C feed validator (set FEEDVALIDATOR to its checkout): {run.stdout}")
    assert run.stderr == ""
    assert run.stdout.splitlines() == [f"judged {len(files) // 2} feeds"]


def test_atom_keeps_its_schema(judged: Judged, tmp_path: Path) -> None:
    files = []
    for _, made in judged.values():
        for path, xml in made.items():
            if path.endswith("atom.xml"):
                files.append(tmp_path / f"{len(files)}.atom")
                files[-1].write_bytes(xml)
    assert jing(OURS, *files) == ""
    if rfc := _schema_of_the_rfc():
        (tmp_path / "atom.rnc").write_text(rfc)
        assert jing(tmp_path / "atom.rnc", *files) == ""


OURS = Path(__file__).with_name("atom.rnc")


def jing(schema: Path, *files: Path) -> str:
    """What jing finds in files, by a schema in RELAX NG's compact form."""
    (program,) = peer("jing", "jing")
    command = [program, "-c", schema, *files]
    ran = subprocess.run([str(one) for one in command], capture_output=True, text=True, check=False)
    assert ran.returncode == (1 if ran.stdout else 0), ran.stderr
    return ran.stdout


def _schema_of_the_rfc() -> str:
    """The schema that RFC 4287 brings, from the documents in FEEDVALIDATOR; "" where there is none."""
    checkout = os.environ.get("FEEDVALIDATOR")
    if not checkout:
        return ""
    text = Path(checkout, "docs", "rfc4287.html").read_text("latin-1")
    (schema,) = re.findall(r"(# -\*- rnc -\*-.*?# EOF)", text, re.DOTALL)
    return unescape(re.sub("<[^>]*>", "", schema))


@pytest.mark.parametrize(
    ("written", "instead", "said"),
    [
        ("<updated>2024", "<updated>", "invalid"),
        ("</title>", "</title><title/>", 'element "title" not allowed'),
        ("<id>urn:uuid:", "<id>", "invalid"),
        ("<name>Ada Moss</name>", "<name> </name>", "invalid"),
        ('type="html"', 'type="htm"', 'attribute "type"'),
        ('<category term="moss"/>', "<category/>", 'missing required attribute "term"'),
    ],
)
def test_the_schema_of_atom_sees_what_is_wrong(
    written: str, instead: str, said: str, judged: Judged, tmp_path: Path
) -> None:
    xml = judged["sample"][1]["atom.xml"].decode()
    assert written in xml
    (tmp_path / "wrong.atom").write_text(xml.replace(written, instead, 1))
    assert said in jing(OURS, tmp_path / "wrong.atom")
