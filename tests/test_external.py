"""Promises of check --external: links that lead out are tried once, politely, and what was good lately is not tried."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from pipeline.check.external import KEPT, PAUSE, Answer, tried
from pipeline.check.memory import Memory
from pipeline.cli import main
from pipeline.cli.asking import ask
from tests.publications import SETTINGS, front_matter, small

NOW = datetime(2026, 6, 1, tzinfo=UTC)


class World:
    """Answers as it is told, and remembers what it was asked and how long anyone waited."""

    def __init__(self, **answers: Answer) -> None:
        self.answers, self.asked, self.waited = answers, list[tuple[str, str]](), list[float]()

    def ask(self, address: str, method: str) -> Answer:
        self.asked.append((method, address))
        return self.answers.get(address.rpartition("/")[2], Answer(200))


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "check.db") as found:
        yield found


def verdicts(
    memory: Memory, world: World, *addresses: str, now: datetime = NOW
) -> dict[str, tuple[str, str]]:
    return dict(tried(memory.database, addresses, now, world.ask, world.waited.append))


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (Answer(200), ""),
        (Answer(403), ""),
        (Answer(404), "E210"),
        (Answer(410), "E210"),
        (Answer(200, moved="https://new.example/"), "E211"),
        (Answer(500), "E212"),
        (Answer(0, fault="no route"), "E212"),
        (Answer(0, certificate="expired"), "E213"),
    ],
)
def test_an_answer_becomes_a_verdict(memory: Memory, answer: Answer, code: str) -> None:
    found = verdicts(memory, World(x=answer), "https://port.example/x")
    assert found["https://port.example/x"][0] == code


def test_each_address_is_asked_once_and_no_host_in_haste(memory: Memory) -> None:
    world = World()
    verdicts(
        memory, world, "https://a.example/1", "https://a.example/1#part", "https://a.example/2", "https://b.example/1"
    )  # fmt: skip
    assert [address for _, address in world.asked] == [
        "https://a.example/1", "https://a.example/2", "https://b.example/1",
    ]  # fmt: skip
    assert world.waited == [PAUSE]


def test_what_was_good_lately_is_not_tried_and_what_was_not_is(memory: Memory) -> None:
    world = World(gone=Answer(404))
    both = ("https://a.example/good", "https://b.example/gone")
    verdicts(memory, world, *both)
    world.asked.clear()
    verdicts(memory, world, *both, now=NOW + timedelta(days=1))
    assert world.asked == [("HEAD", "https://b.example/gone")]
    verdicts(memory, world, both[0], now=NOW + KEPT)
    assert ("HEAD", both[0]) in world.asked


def test_a_server_that_knows_get_alone_is_asked_so(memory: Memory) -> None:
    world = World(x=Answer(405))
    verdicts(memory, world, "https://a.example/x")
    assert [method for method, _ in world.asked] == ["HEAD", "GET"]


class Server(BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        moved = self.path == "/old"
        self.send_response(301 if moved else 404 if self.path == "/gone" else 200)
        if moved:
            self.send_header("Location", "/new")
        self.end_headers()

    def do_GET(self) -> None:  # Python asks so where it is sent on
        self.do_HEAD()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as found:
        threading.Thread(target=found.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{found.server_port}"
        found.shutdown()


def test_a_real_server_is_asked(server: str) -> None:
    assert ask(f"{server}/there", "HEAD") == Answer(200)
    assert ask(f"{server}/gone", "HEAD").status == 404
    assert ask(f"{server}/old", "HEAD") == Answer(200, f"{server}/new")
    assert ask("http://127.0.0.1:9/", "HEAD").status == 0


def test_the_command_names_the_line_of_a_link_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "One [port](https://port.example/gone) and\n[another](https://port.example/there).\n"
    root = small(tmp_path, SETTINGS.replace('"nanotts"', '"none"'), e01_first=front_matter() + body)
    world = World(gone=Answer(404))
    monkeypatch.setattr("pipeline.cli.asking.ask", world.ask)
    monkeypatch.setattr("time.sleep", world.waited.append)
    words = ["check", "--root", str(root), "--now", "2026-06-01", "--json"]
    assert CliRunner().invoke(main, words).exit_code == 0 and not world.asked
    ran = CliRunner().invoke(main, [*words, "--external"])
    (found,) = json.loads(ran.stdout)["findings"]
    assert ran.exit_code == 1
    assert (found["code"], found["where"], found["line"]) == (
        "E210",
        "content/01-first/episode.md",
        8,
    )


def test_the_codes_are_listed() -> None:
    ran = CliRunner().invoke(main, ["check", "--codes"])
    assert "E102  source         error    image without alt text" in ran.stdout
