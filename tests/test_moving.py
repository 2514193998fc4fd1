"""Who asks at an old address is led to the same path at the new one, by the real servers where they are here."""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import unquote

import pytest

from pipeline.feeds.moving import folder, rules
from tests.peers import peer

OLD, NEW = "https://a.example/b.c/", "https://new.example/n/"
MOVES = [
    ("https://a.example/", NEW, "/06-x/", "https://new.example/n/06-x/"),
    (OLD, NEW, "/b.c/", NEW),
    (OLD, NEW, "/b.c/podcast.xml", f"{NEW}podcast.xml"),
    (OLD, NEW, "/b.c/feeds/1/rss.xml?poll=2", f"{NEW}feeds/1/rss.xml?poll=2"),
    (OLD, NEW, "/b.c/06-%C3%A4/", f"{NEW}06-%C3%A4/"),
    (OLD, NEW, "/bXc/rss.xml", None),
    (OLD, NEW, "/else/rss.xml", None),
    ("https://a.example/", "https://a.example/blog/", "/rss.xml", "https://a.example/blog/rss.xml"),
    ("https://a.example/", "https://a.example/blog/", "/blog/rss.xml", None),
]
"""An old address, the new one, what is asked for, and where that leads; None: it is not moved."""

NGINX = """
pid {home}/pid;
error_log {home}/log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {home}; proxy_temp_path {home}; fastcgi_temp_path {home};
    uwsgi_temp_path {home}; scgi_temp_path {home};
    server {{
        listen 127.0.0.1:{port};
        root {home};
        include {home}/moved/nginx.conf;
    }}
}}
"""
APACHE = """
ServerRoot {home}
ServerName a.example
PidFile {home}/pid
ErrorLog {home}/log
Listen 127.0.0.1:{port}
User nobody
Group nogroup
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
DocumentRoot {home}/moved
<Directory {home}/moved>
    AllowOverride All
    Require all granted
</Directory>
"""


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that a server's own user may read."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        (Path(name) / "moved").mkdir()
        yield Path(name)


@contextmanager
def started(
    home: Path, conf: str, start: list[str | Path], stop: list[str | Path]
) -> Iterator[int]:
    """A server that listens before its command returns; its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    (home / "conf").write_text(
        conf.format(home=home, port=port, modules="/usr/lib/apache2/modules")
    )
    ran = subprocess.run([str(word) for word in start], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    try:
        yield port
    finally:
        subprocess.run([str(word) for word in stop], capture_output=True, check=True)


def led(port: int, path: str) -> tuple[int, str | None]:
    """The status of an answer, and where it leads, as a person reads it: servers differ in how they quote."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", path, headers={"Host": "a.example"})
        answer = connection.getresponse()
        return answer.status, (to := answer.getheader("location")) and unquote(to)
    finally:
        connection.close()


def moves() -> dict[tuple[str, str], list[tuple[str, str | None]]]:
    """What is asked for and where it leads, by move."""
    found: dict[tuple[str, str], list[tuple[str, str | None]]] = {}
    for old, new, asked, to in MOVES:
        found.setdefault((old, new), []).append((asked, to))
    return found


def put(home: Path, old: str, new: str) -> None:
    for name, text in rules(old, new):
        (home / "moved" / name).write_text(text)


@pytest.mark.parametrize(("old", "new"), list(moves()))
def test_nginx_leads_each_path_to_the_same_one(old: str, new: str, home: Path) -> None:
    (nginx,) = peer("nginx", "nginx")
    put(home, old, new)
    command = [nginx, "-c", home / "conf", "-p", home]
    with started(home, NGINX, command, [*command, "-s", "stop"]) as port:
        for asked, to in moves()[old, new]:
            assert led(port, asked) == ((301, unquote(to)) if to else (404, None))


@pytest.mark.parametrize(("old", "new"), list(moves()))
def test_apache_leads_each_path_to_the_same_one(old: str, new: str, home: Path) -> None:
    (apache,) = peer("Apache", "apache2")
    put(home, old, new)
    command = [apache, "-f", home / "conf", "-k"]
    with started(home, APACHE, [*command, "start"], [*command, "stop"]) as port:
        for asked, to in moves()[old, new]:
            assert led(port, asked) == ((301, unquote(to)) if to else (404, None))


@pytest.mark.parametrize(("old", "new", "asked", "to"), MOVES)
def test_the_rules_of_other_hosts_say_the_same(
    old: str, new: str, asked: str, to: str | None
) -> None:
    """As their documentation has it: the first line of _redirects that fits holds; Vercel's :path is all that fits."""
    made = dict(rules(old, new))
    asked, to = asked.partition("?")[0], to and to.partition("?")[0]
    assert by_redirects(made["_redirects"], asked) == to
    (rule,) = json.loads(made["vercel.json"])["redirects"]
    assert rule["statusCode"] == 301
    source = re.sub(
        r":path\*|:path\((.*)\)$",
        lambda one: f"({one[1] or '.*'})",
        re.sub(r"\.(?!\*)", r"\.", rule["source"]),
    )
    found = re.fullmatch(source, asked)
    assert (rule["destination"].partition(":path")[0] + found[1] if found else None) == to
    assert re.fullmatch(r"[a-z.-]+", folder(old))


def by_redirects(text: str, asked: str) -> str | None:
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        source, target, status = line.split()
        begins = source.removesuffix("*")
        if asked.startswith(begins):
            return target.replace(":splat", asked.removeprefix(begins)) if status == "301" else None
    return None
