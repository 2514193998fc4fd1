"""`simulcast serve` as it runs, attacked over bare connections: it goes on, and grows no larger."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.peers import absent
from tests.readers import HOST, built

FILES = 500
"""Files that the process may have open, hard: far fewer than an attacker has connections."""
SOUND = bytes(range(256)) * (8 << 12)
"""Eight megabytes."""
HEAD = f"Host: {HOST}\r\n".encode()


@dataclass
class Process:
    """The command as it runs, and what an attacker does to it."""

    running: subprocess.Popen[str]
    port: int
    log: Path

    def line(self, of: str = "127.0.0.1") -> socket.socket:
        """A connection from a client with that address."""
        return socket.create_connection(("127.0.0.1", self.port), 20, (of, 0))

    def said(self, request: bytes, of: str = "127.0.0.1") -> bytes:
        """All that comes back, until the connection is closed."""
        back = b""
        with self.line(of) as line:
            line.sendall(request)
            while more := line.recv(1 << 16):
                back += more
        return back

    def status(self, request: bytes, of: str = "127.0.0.1") -> int:
        return int(self.said(request, of)[9:12])

    @property
    def files(self) -> int:
        return len(os.listdir(f"/proc/{self.running.pid}/fd"))  # noqa: PTH208

    @property
    def memory(self) -> int:
        """Megabytes that it has in use."""
        told = Path(f"/proc/{self.running.pid}/status").read_text()
        found = re.search(r"VmRSS:\s*(\d+) kB", told)
        assert found
        return int(found[1]) >> 10


def get(path: str, *more: bytes) -> bytes:
    rest = b"".join(one + b"\r\n" for one in more)
    return f"GET {path} HTTP/1.1\r\nConnection: close\r\n".encode() + HEAD + rest + b"\r\n"


def post(path: str, body: bytes, *more: bytes) -> bytes:
    form = (b"Content-Type: application/x-www-form-urlencoded", b"Accept: application/json")
    length = f"Content-Length: {len(body)}".encode()
    return get(path, *form, length, *more).replace(b"GET", b"POST", 1) + body


@pytest.fixture
def process(tmp_path: Path) -> Iterator[Process]:
    if not Path("/proc/self/fd").is_dir():
        absent("Linux", "it tells what a process has open, and lets one machine be many clients")
    root = built(tmp_path / "letter")
    sound = root / "build/site/audio/06.mp3"
    sound.parent.mkdir(exist_ok=True)
    sound.write_bytes(SOUND)
    log = tmp_path / "log"
    command = Path(sys.executable).with_name("simulcast")
    words = [str(command), "serve", "--root", str(root), "--port", "0"]
    limited = f'ulimit -Sn 100; ulimit -Hn {FILES}; exec "$@"'
    with (
        log.open("w") as told,
        subprocess.Popen(
            ["bash", "-c", limited, "bash", *words], stdout=subprocess.PIPE, stderr=told, text=True
        ) as running,
    ):
        try:
            assert running.stdout
            port = re.search(r"127\.0\.0\.1:(\d+)", running.stdout.readline())
            assert port
            yield Process(running, int(port[1]), log)
        finally:
            running.kill()


def test_one_client_with_many_slow_connections_keeps_nobody_out(process: Process) -> None:
    assert process.status(get("/rss.xml")) == 200
    before = process.files
    with ExitStack() as slow:
        for _ in range(400):
            line = slow.enter_context(process.line())
            line.send(b"GET / HTTP/1.1\r\nX-A: ")
        assert process.status(get("/atom.xml"), of="127.0.0.2") == 200
        assert process.files <= before + 50
        for host in range(3, 7):
            for _ in range(60):
                slow.enter_context(process.line(f"127.0.0.{host}"))
        with suppress(ConnectionResetError):  # it is full, and says so or closes
            process.said(get("/atom.xml"), of="127.0.0.7")
        assert process.files <= FILES
    assert process.status(get("/atom.xml"), of="127.0.0.2") == 200
    assert process.files <= before + 5


def test_it_grows_no_larger_by_large_requests_and_ends_as_it_is_told(process: Process) -> None:
    ranges = b"Range: bytes=" + b",".join(b"%d-%d" % (n, n + 1) for n in range(2500))
    assert process.said(get("/audio/06.mp3", ranges)).endswith(SOUND)
    before, files = process.memory, process.files
    whole = b"email=" + b"a" * (4 << 20)
    for host in range(2, 32):
        of = f"127.0.0.{host}"
        assert process.said(get("/audio/06.mp3", ranges), of).startswith(b"HTTP/1.1 200")
        with process.line(of) as line:
            try:
                line.sendall(post("/subscribe", whole))
                assert line.recv(64)[9:12] in (b"413", b"")
            except (BrokenPipeError, ConnectionResetError):
                pass
        name = f"email=reader{host}%40example.org&name={'b' * 9000}".encode()
        assert process.status(post("/subscribe", name), of) == 202
        assert process.status(get(f"/nothing/{host}"), of) == 404
        assert process.status(get(f"/confirm/{host}.readers.0.forged"), of) == 403
    assert process.memory <= before + 24
    assert process.files <= files + 10

    with process.line("127.0.0.40") as line:  # half an answer is under way
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
        line.sendall(get("/audio/06.mp3"))
        back = line.recv(1024)
        process.running.send_signal(signal.SIGTERM)
        while more := line.recv(1 << 20):
            back += more
    assert back.endswith(SOUND)
    assert process.running.wait(20) == 0
    told = process.log.read_text()
    for line_of in told.splitlines():
        assert json.loads(line_of)["event"] in ("request", "mail", "warning")
    for secret in ("reader", "127.0.0", "Traceback", "forged"):
        assert secret not in told
    outbox = process.log.parent / "letter/build/outbox/new"
    assert len(list(outbox.iterdir())) == 30
