"""Runs publish in a process of its own that can be killed: `python -m tests.killed`, then lines of ROOT TAB SECONDS.

What is imported is imported once; each run is a fork of it. Answers each line with the seconds it took, or "killed".
"""

import importlib
import os
import select
import signal
import sys
import time
from pathlib import Path

NOW = "2026-06-01T00:00:00Z"
FIRST = (
    "pipeline.check", "pipeline.cli.mailing", "pipeline.cli.publishing", "pipeline.delivery.engine", "pipeline.deploy",
    "pipeline.delivery.mailing", "pipeline.runner", "pipeline.stage", "css_inline", "dbos", "feedgen", "lxml.html",
    "mjml", "numpy", "PIL.Image", "babel.dates", "mutagen.id3", "sqlalchemy", "tinycss2", "fsspec", "pydantic",
)  # fmt: skip


def main() -> None:
    for name in FIRST:
        importlib.import_module(name)
    from pipeline.stage import installed

    installed()
    for line in sys.stdin:
        root, seconds = line.rstrip("\n").split("\t")
        print(run(root, float(seconds)), flush=True)


def run(root: str, seconds: float) -> str:
    began = time.monotonic()
    child = os.fork()
    if not child:
        publish(root)
    watched = os.pidfd_open(child)
    ended, _, _ = select.select([watched], [], [], seconds or None)
    if not ended:
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    os.close(watched)
    if os.WIFSIGNALED(status):
        return "killed"
    return f"{time.monotonic() - began:.3f} {os.waitstatus_to_exitcode(status)}"


def publish(root: str) -> None:
    log = os.open(Path(root) / "publish.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    code = 1
    try:
        from pipeline.cli import main as simulcast

        simulcast(["publish", "--root", root, "--now", NOW, "--yes"])
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdout.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
