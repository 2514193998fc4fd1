"""The rooms keep to their floors: imports point down, and the outside world has one door."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

PIPELINE = Path(__file__).resolve().parent.parent / "pipeline"

FLOORS = (
    {"model", "errors"},
    {"stage"},
    {
        "backlist",
        "config",
        "delivery",
        "feeds",
        "fingerprint",
        "history",
        "identity",
        "inlines",
        "lettering",
        "markdown",
        "media",
        "processes",
        "scratch",
        "snapshot",
        "sound",
        "store",
        "templates",
        "written",
    },
    {
        "announce",
        "begin",
        "check",
        "deploy",
        "diff",
        "doctor",
        "verify",
        "importers",
        "results",
        "runner",
        "source",
        "stages",
        "why",
    },
    {"cli", "web"},
)
"""From the ground up; a room imports from its own floor or from one below."""

HEAVY = [
    "PIL",
    "babel",
    "css_inline",
    "dbos",
    "dns",
    "feedgen",
    "fsspec",
    "imageio_ffmpeg",
    "jinja2",
    "lxml",
    "markdown_it",
    "mjml",
    "mutagen",
    "num2words",
    "numpy",
    "onnxruntime",
    "pydantic",
    "pydub",
    "sqlalchemy",
    "tinycss2",
    "yaml",
]

OUTSIDE = {
    "print": "the terminal",
    "input": "the terminal",
    "sys.argv": "the terminal",
    "sys.stdin": "the terminal",
    "sys.stdout": "the terminal",
    "sys.stderr": "the terminal",
    "os.environ": "the environment",
    "os.getenv": "the environment",
    "datetime.now": "the clock",
    "datetime.utcnow": "the clock",
    "datetime.today": "the clock",
    "date.today": "the clock",
    "time.time": "the clock",
    "time.monotonic": "the clock",
    "time.perf_counter": "the clock",
    "time.gmtime": "the clock",
    "time.localtime": "the clock",
}

ALLOWED: dict[tuple[str, str], str] = {}
"""(file, name): why this file outside cli needs it."""


def sources() -> dict[str, ast.Module]:
    """Every module of the package, parsed, by its dotted name below `pipeline`."""
    found = {}
    for file in sorted(PIPELINE.rglob("*.py")):
        dotted = ".".join(file.relative_to(PIPELINE).with_suffix("").parts)
        name = dotted.removesuffix("__init__").rstrip(".")
        found[name] = ast.parse(file.read_text("utf-8"), str(file))
    return found


SOURCES = sources()


def imported(name: str) -> set[str]:
    """The modules of the package that a module imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(SOURCES[name]):
        if isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{name}: write imports in full"
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    inside = {one.removeprefix("pipeline.") for one in found if one.startswith("pipeline.")}
    return inside & set(SOURCES) - {name}


def room(name: str) -> str:
    return name.partition(".")[0]


def floor(name: str) -> int:
    for height, rooms in enumerate(FLOORS):
        if room(name) in rooms:
            return height
    raise AssertionError(f"pipeline/{room(name)} is on no floor: give it one in FLOORS")


def uses(tree: ast.Module) -> set[str]:
    """The names in OUTSIDE that a module uses."""
    called = {
        node.func.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
    }
    dotted = {
        ".".join(ast.unparse(node).split(".")[-2:])
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
    }
    taken = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return (called | dotted | taken) & set(OUTSIDE)


@pytest.mark.parametrize("name", [name for name in SOURCES if name])
def test_imports_point_down(name: str) -> None:
    up = sorted(other for other in imported(name) if floor(other) > floor(name))
    assert not up, f"pipeline.{name} imports from a floor above it"


def test_no_two_modules_wait_for_each_other() -> None:
    packages = {name.rpartition(".")[0] for name in SOURCES}
    graph = {name: imported(name) - packages for name in SOURCES if name not in packages}
    TopologicalSorter(graph).prepare()


def test_stages_never_import_each_other_nor_what_runs_them() -> None:
    beside = {
        name: sorted(other for other in imported(name) if floor(other) == floor("stages"))
        for name in SOURCES
        if name.startswith("stages.")
    }
    assert beside, "there are no stages"
    assert not {name: others for name, others in beside.items() if others}


def test_who_is_subscribed_is_known_in_delivery_alone_and_to_the_commands() -> None:
    secret = {"delivery.addresses", "delivery.ledger", "delivery.people", "delivery.subscribers"}
    assert secret <= set(SOURCES)
    secret |= {name for name in SOURCES if name.startswith("delivery.ledger.")}
    knows = {room(name) for name in SOURCES if secret & imported(name)}
    assert knows <= {"delivery", "cli", "web"}


@pytest.mark.parametrize("name", [name for name in SOURCES if room(name) != "cli"])
def test_only_the_commands_print_and_read_clock_or_environment(name: str) -> None:
    found = {use: OUTSIDE[use] for use in uses(SOURCES[name]) if (name, use) not in ALLOWED}
    assert not found, f"pipeline.{name} goes outside; have it handed in by cli"


def test_every_exception_to_the_rule_is_still_needed() -> None:
    assert {(name, use) for name, use in ALLOWED if use not in uses(SOURCES[name])} == set()


def test_every_module_promises_in_its_first_line_what_it_is() -> None:
    silent = [name for name, tree in SOURCES.items() if not ast.get_docstring(tree)]
    assert not silent


def test_no_room_is_called_utils() -> None:
    vague = {"common", "helper", "helpers", "misc", "util", "utils"}
    assert not {name for name in SOURCES if vague & set(name.split("."))}


def test_help_loads_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from pipeline.cli import main\n"
        "main(['--help'], standalone_mode=False)\n"
        f"loaded = sorted(set(sys.modules) & {set(HEAVY)!r})\n"
        "sys.exit('loaded: ' + ', '.join(loaded) if loaded else 0)\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert "publish" in ran.stdout
