"""How soon a saved word is seen in the browser, in every pane of the preview."""

from __future__ import annotations

import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from typing import Any

from tests.bench.rows import Row
from tests.publications import SETTINGS, front_matter, small

ROOT = Path(__file__).resolve().parents[2]
SIMULCAST = str(Path(sys.executable).with_name("simulcast"))
SOURCE = "content/06-microsoft-vs-everyone/episode.md"
WATCH = """(word) => {
  const panes = ["web", "email", "text", "feed"];
  const says = (pane) => [...document.querySelectorAll(`[data-medium=${pane}] iframe:not(.coming)`)].every(
    (one) => one.contentDocument.body && one.contentDocument.body.textContent.includes(word));
  delete document.body.dataset.seen;
  const watch = setInterval(() => {
    if (panes.every(says)) { document.body.dataset.seen = Date.now(); clearInterval(watch); }
  }, 5);
}"""


def rows(full: bool) -> Iterator[Row]:
    chromium = which("chromium")
    if chromium is None:
        yield Row("preview: SKIPPED, there is no chromium here", "")
        return
    with tempfile.TemporaryDirectory() as folder:
        root = small(
            Path(folder),
            SETTINGS.replace('narrator = "nanotts"', 'narrator = "none"'),
            e01_first=front_matter(updated="2026-06-05T08:00:00Z") + _body(),
        )
        with _previewed(root) as address, _shown(chromium, address + "01-first/") as page:
            took = [_seen(page, root, number) for number in range(11 if full else 5)]
    middle = statistics.median(took)
    yield Row(
        f"preview: saved → seen in all 10 text frames, median of {len(took)} · a second (wall)",
        f"{middle * 1000:.0f} ms, slowest {max(took) * 1000:.0f} ms",
        "1000 ms",
        middle,
        "≤ 1",
    )


def _body() -> str:
    """An episode of the usual length, without what lies beside it."""
    text = (ROOT / SOURCE).read_text("utf-8").split("---\n", 2)[2]
    return re.sub(r"!?\[([^]]*)\]\([^)]*\)", r"\1", text)


@contextmanager
def _previewed(root: Path) -> Iterator[str]:
    options = ["--root", str(root), "--port", "0", "--no-open", "--no-phone"]
    running = subprocess.Popen(
        [SIMULCAST, "preview", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert running.stdout is not None
    try:
        yield next(word for line in running.stdout for word in line.split() if "//127" in word)
    finally:
        running.terminate()
        running.wait()


@contextmanager
def _shown(chromium: str, address: str) -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        one = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = one.new_page(viewport={"width": 1440, "height": 900})
        page.goto(address, wait_until="load")
        yield page
        one.close()


def _seen(page: Any, root: Path, number: int) -> float:
    """Seconds from the end of a save until the last frame shows its word."""
    page.wait_for_selector("#news.good, #news.odd")
    word = f"Word{number}."
    page.evaluate(WATCH, word)
    file = root / "content/01-first/episode.md"
    text = file.read_text("utf-8") + f"\n{word}\n"
    file.write_text(text, "utf-8")
    saved = time.time()
    page.wait_for_selector("body[data-seen]", timeout=20_000)
    return float(page.get_attribute("body", "data-seen")) / 1000 - saved
