"""Search over the archive in the browser, without a server: a page, and Pagefind's indexes of the episodes' pages."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from contextlib import contextmanager, suppress
from functools import partial
from importlib.metadata import version
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from pipeline.errors import OutsideError, StageError
from pipeline.stage import Artifact, Artifacts, Made, Progress, Shelf, stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pipeline.model import Listing, Publication
    from pipeline.templates import Templates

VOLUMES = (1000, 100)
"""Episodes in an index: full ones never change again, so that a new episode costs the last hundred at most, and a
browser merges few even of a long archive."""

WANTED = ("pagefind.js", "pagefind-worker.js", "pagefind-entry.json", ".pagefind", ".pf_meta")
PIECES = ("index/", "fragment/")
"""What the search page fetches of all that Pagefind writes; the rest is a user interface of its own."""


@stage(per="publication", libraries=("pagefind-bin", "jinja2"))
def search(
    publication: Publication,
    episodes: tuple[Listing, ...],
    templates: Templates,
    page: Mapping[str, Artifacts],
    kept: Shelf,
    progress: Progress,
) -> Iterator[Artifact | Made]:
    """The page that searches the archive in the browser, and the indexes it reads."""
    volumes = list(_volumes(len(episodes)))
    for done, (start, end) in enumerate(volumes):
        progress(done, len(volumes), "indexes")
        written = {
            one.slug: page[one.slug][f"{one.slug}/index.html"] for one in episodes[start:end]
        }
        key = f"pagefind {version('pagefind-bin')} at {start}: " + " ".join(
            f"{slug} {made.sha256}" for slug, made in written.items()
        )
        texts = {slug: made.text for slug, made in written.items()}
        yield from kept.artifacts(key, partial(_index, texts, f"site/search/{start}"))
    path = "search/index.html"
    values = {
        "publication": publication,
        "path": path,
        "indexes": [f"search/{start}/pagefind.js" for start, _ in volumes],
        "count": len(episodes),
    }
    yield Artifact(f"site/{path}", templates.render("web/search.html", at=path, **values))


def _volumes(count: int) -> Iterator[tuple[int, int]]:
    """Where each index begins and ends: as many large ones as are full, then small ones, then the rest."""
    start = 0
    for size in VOLUMES:
        while count - start >= size:
            yield start, start + size
            start += size
    if start < count:
        yield start, count


def _index(texts: Mapping[str, Callable[[], str]], folder: str) -> Iterator[Artifact]:
    """Pagefind's index of some pages. They are added in order: the order is in its bytes."""
    with _pagefind() as ask:
        number = ask(type="NewIndex", config={})["index_id"]
        for slug, text in texts.items():
            ask(
                type="AddFile",
                index_id=number,
                file_path=f"{slug}/index.html",
                file_contents=text(),
            )
        # Asked to write the files itself, it answers before they are whole.
        files = ask(type="GetFiles", index_id=number)["files"]
    for one in sorted(files, key=itemgetter("path")):
        if one["path"].endswith(WANTED) or one["path"].startswith(PIECES):
            yield Artifact(f"{folder}/{one['path']}", base64.b64decode(one["content"]))


@contextmanager
def _pagefind() -> Iterator[Callable[..., dict[str, Any]]]:
    """Pagefind, to be asked: one message of JSON in base64, ended by a comma, is answered by one.

    Its own client for Python waits a tenth of a second for every answer.
    """
    from pagefind_bin import get_executable

    command = [str(get_executable()), "--service"]
    try:
        running = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},  # a stage takes nothing from there, and Pagefind ends where a value is not UTF-8
        )
    except OSError as error:
        raise OutsideError(f"{command[0]} cannot be run: {error.strerror}") from error
    assert running.stdin
    with running:
        try:
            yield partial(_asked, running)
        finally:
            with suppress(BrokenPipeError):  # it has ended, and that was told
                running.stdin.close()


def _asked(running: subprocess.Popen[bytes], **payload: object) -> dict[str, Any]:
    assert running.stdin and running.stdout
    message = json.dumps({"message_id": 1, "payload": payload}).encode()
    try:
        running.stdin.write(base64.b64encode(message) + b",")
        running.stdin.flush()
    except BrokenPipeError as error:
        raise OutsideError("Pagefind ended before its work was done") from error
    found = bytearray()
    while not found.endswith(b","):
        piece = os.read(running.stdout.fileno(), 65536)
        if not piece:
            raise OutsideError("Pagefind ended before its work was done")
        found += piece
    answer: dict[str, Any] = json.loads(base64.b64decode(found[:-1]))["payload"]
    if answer["type"] == "Error":
        raise StageError(f"Pagefind refuses {payload['type']}: {answer['message']}")
    return answer
