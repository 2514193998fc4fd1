"""How many requests a second the service answers, beside nginx and Python's own server, from one client in one run."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.rows import Row
from tests.peers import FOLDERS

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = """\
daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off; sendfile on; keepalive_requests 1000000;
  client_body_temp_path {folder}/t; proxy_temp_path {folder}/t; fastcgi_temp_path {folder}/t;
  uwsgi_temp_path {folder}/t; scgi_temp_path {folder}/t;
  types {{ application/xml xml; audio/mpeg mp3; }}
  server {{ listen 127.0.0.1:{port}; root {site}; }}
}}
"""
OURS = """\
import sys
from pathlib import Path
from pipeline.web.app import Alone, site
from pipeline.web.serving import listening, server
socket = listening("127.0.0.1", int(sys.argv[2]))
server(Alone(site(Path(sys.argv[1]))), log=lambda event: None).run(sockets=[socket])
"""


def rows(full: bool) -> Iterator[Row]:
    """The feed whole and unchanged, and a range of the audio: each server in turn, twice, the better run of each."""
    wrk, nginx = _found("wrk"), _found("nginx")
    if wrk is None:
        yield Row("serve: SKIPPED, there is no wrk here (Debian: wrk)", "")
        return
    seconds = 5 if full else 2
    with tempfile.TemporaryDirectory() as name, ExitStack() as running:
        folder = Path(name)
        folder.chmod(0o755)  # nginx started by root reads as nobody
        site = _site(folder)
        ours, theirs, plain = (_free() for _ in range(3))
        commands = {"ours": (ours, [sys.executable, "-c", OURS, str(site), str(ours)])}
        if nginx:
            settings = folder / "nginx.conf"
            settings.write_text(CONFIGURATION.format(folder=folder, site=site, port=theirs))
            commands["nginx"] = (theirs, [nginx, "-p", name, "-c", str(settings)])
        words = ["-m", "http.server", str(plain), "--bind", "127.0.0.1", "--directory", str(site)]
        commands["http.server"] = (plain, [sys.executable, *words])
        servers = {
            one: running.enter_context(_running(port, command))
            for one, (port, command) in commands.items()
        }
        for what, path, headers in (
            ("feed, 200", "/rss.xml", {}),
            ("feed, 304", "/rss.xml", {}),
            ("audio, 64 KB range", "/audio/06.mp3", {"Range": "bytes=1000000-1065535"}),
        ):
            best = dict.fromkeys(servers, 0.0)
            for _ in range(2):
                for one, port in servers.items():
                    asked = _validators(port, path) if what.endswith("304") else headers
                    best[one] = max(best[one], _a_second(wrk, port, path, asked, seconds))
            yield from _compared(what, best, nginx is not None)


def _compared(what: str, best: dict[str, float], with_nginx: bool) -> Iterator[Row]:
    ours = f"{best['ours']:,.0f}/s"
    if with_nginx:
        ratio = best["ours"] / best["nginx"]
        yield Row(f"serve: {what}; nginx", ours, f"{best['nginx']:,.0f}/s", ratio)
    else:
        yield Row(f"serve: {what}; SKIPPED, there is no nginx here (Debian: nginx-light)", ours)
    plain = best["http.server"]
    # Python's own server knows no ranges: it sends the whole file.
    yield Row(f"serve: {what}; http.server", ours, f"{plain:,.0f}/s", best["ours"] / plain, "≥ 1")


def _site(folder: Path) -> Path:
    """A feed of 60 KB and two megabytes of audio."""
    site = folder / "site"
    (site / "audio").mkdir(parents=True)
    (site / "rss.xml").write_text("<rss>" + "<item>words</item>" * 3400 + "</rss>")
    (site / "audio" / "06.mp3").write_bytes(bytes(range(256)) * 8192)
    return site


def _found(program: str) -> str | None:
    return shutil.which(program) or next(
        (where for folder in FOLDERS if (where := shutil.which(program, path=folder))), None
    )


def _free() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def _running(port: int, command: Sequence[str]) -> Iterator[int]:
    """A server from its first answer on, until the block is left."""
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as one:
        try:
            _wait_for(port)
            yield port
        finally:
            one.terminate()


def _wait_for(port: int) -> None:
    until = time.monotonic() + 20
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def _validators(port: int, path: str) -> Mapping[str, str]:
    """What a client sends that has the file already."""
    line = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    line.request("GET", path)
    answer = line.getresponse()
    answer.read()
    line.close()
    given = {"ETag": "If-None-Match", "Last-Modified": "If-Modified-Since"}
    return {given[name]: value for name in given if (value := answer.headers[name])}


def _a_second(wrk: str, port: int, path: str, headers: Mapping[str, str], seconds: int) -> float:
    given = [word for name, value in headers.items() for word in ("-H", f"{name}: {value}")]
    address = f"http://127.0.0.1:{port}{path}"
    command = [wrk, "-t1", "-c16", f"-d{seconds}", *given, address]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", told)
    assert found, told
    assert "Non-2xx" not in told, told
    return float(found[1])
