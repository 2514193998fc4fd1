"""Promises of announce: the hub hears of each feed once, and a deaf hub is told of again."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import pytest

from pipeline.announce import AnnounceError, announce, announce_changed
from pipeline.errors import AuthorError, OutsideError

RSS, ATOM = "https://ground.example/rss.xml", "https://ground.example/atom.xml?a=b&c=ü"


class Hub(HTTPServer):
    """A hub that keeps what it is told and answers by the feed's name."""

    answers: dict[str, int]
    told: list[dict[str, list[str]]]

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class Ear(BaseHTTPRequestHandler):
    server: Hub

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        told = parse_qs(body)
        self.server.told.append(told)
        self.send_response(self.server.answers.get(told["hub.url"][0], 204))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hub() -> Iterator[Hub]:
    with Hub(("127.0.0.1", 0), Ear) as server:
        server.answers, server.told = {}, []
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_the_hub_is_told_of_each_feed(hub: Hub) -> None:
    assert announce(hub.address, [RSS, ATOM]) == (RSS, ATOM)
    assert hub.told == [
        {"hub.mode": ["publish"], "hub.url": [RSS]},
        {"hub.mode": ["publish"], "hub.url": [ATOM]},
    ]


def test_without_a_hub_nobody_is_told() -> None:
    assert announce("", [RSS]) == ()


def test_one_feed_refused_does_not_keep_the_others_from_being_told(hub: Hub) -> None:
    hub.answers[RSS] = 503
    with pytest.raises(AnnounceError, match=r"rss\.xml: it answered 503") as failed:
        announce(hub.address, [RSS, ATOM])
    assert failed.value.announced == (ATOM,)


def test_a_hub_that_is_not_there_is_an_outside_failure() -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # bound and not listening: a connection is refused
        with pytest.raises(OutsideError, match="Connection refused"):
            announce(f"http://127.0.0.1:{nobody.getsockname()[1]}/", [RSS])


def test_a_hub_that_never_answers_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        with pytest.raises(OutsideError, match="timed out"):
            announce(address, [RSS], timeout=0.05)


@pytest.mark.parametrize("hub", ["file:///etc/passwd", "hub.example", "ftp://hub.example/"])
def test_a_hub_is_a_web_address(hub: str) -> None:
    with pytest.raises(AuthorError, match=r"feeds\.hub"):
        announce(hub, [RSS])


def test_the_hub_is_told_of_a_change_once(hub: Hub, tmp_path: Path) -> None:
    memory = tmp_path / ".simulcast" / "announced.json"
    assert announce_changed(hub.address, {RSS: "1", ATOM: "1"}, memory) == (RSS, ATOM)
    assert announce_changed(hub.address, {RSS: "1", ATOM: "1"}, memory) == ()
    assert announce_changed(hub.address, {RSS: "2", ATOM: "1"}, memory) == (RSS,)
    assert [one["hub.url"] for one in hub.told] == [[RSS], [ATOM], [RSS]]


def test_only_what_the_hub_did_not_take_is_told_again(hub: Hub, tmp_path: Path) -> None:
    memory = tmp_path / "announced.json"
    hub.answers[RSS] = 500
    with pytest.raises(AnnounceError):
        announce_changed(hub.address, {RSS: "1", ATOM: "1"}, memory)
    hub.answers.clear()
    assert announce_changed(hub.address, {RSS: "1", ATOM: "1"}, memory) == (RSS,)


@pytest.mark.parametrize("memory", ["", "no json", "[]"])
def test_a_memory_that_cannot_be_read_is_told_anew(hub: Hub, tmp_path: Path, memory: str) -> None:
    (tmp_path / "announced.json").write_text(memory)
    assert announce_changed(hub.address, {RSS: "1"}, tmp_path / "announced.json") == (RSS,)
