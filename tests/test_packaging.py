"""How it installs: from locks that name every file by its hash, in few words, and only what is missing."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LOCKS = sorted(ROOT.glob("requirements*.txt"))
PINNED = re.compile(r"^([a-z0-9._-]+)==(\S+)(?: ; (.+?))? \\$", re.M)


def pins(*names: str) -> dict[str, set[str]]:
    """Package → the versions that lock files name; several where the Python version decides."""
    found: dict[str, set[str]] = {}
    for name in names:
        for package, version, _ in PINNED.findall((ROOT / name).read_text("utf-8")):
            found.setdefault(package, set()).add(version)
    return found


# --- the lock files ------------------------------------------------------------------------------


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_every_package_is_pinned_and_named_by_hash(lock: Path) -> None:
    text = lock.read_text("utf-8")
    entries = [line for line in text.splitlines() if line and line[0] not in " #"]
    assert entries == [match[0] for match in PINNED.finditer(text)]
    for entry in re.split(r"\n(?=[a-z])", text)[1:]:
        assert re.search(r"--hash=sha256:[0-9a-f]{64}", entry), entry.splitlines()[0]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_a_lock_names_no_index_and_no_machine(lock: Path) -> None:
    text = lock.read_text("utf-8")
    assert not re.search(r"://|^\s*(-i|--index|--extra-index|--find-links|-e)\b|#.*\s/", text, re.M)


@pytest.mark.parametrize(
    ("wanted", "locks"),
    [
        (PROJECT["dependency-groups"]["build"], ["requirements-build.txt"]),
        (PROJECT["project"]["dependencies"], ["requirements.txt"]),
        (
            PROJECT["project"]["optional-dependencies"]["voice"],
            ["requirements.txt", "requirements-voice.txt"],
        ),
        (
            PROJECT["project"]["optional-dependencies"]["test"],
            ["requirements-build.txt", "requirements.txt", "requirements-test.txt"],
        ),
        (PROJECT["project"]["optional-dependencies"]["align"], ["requirements-align.txt"]),
        (PROJECT["project"]["optional-dependencies"]["piper"], ["requirements-piper.txt"]),
    ],
    ids=["build", "core", "voice", "test", "align", "piper"],
)
def test_a_lock_answers_what_the_project_asks_for(wanted: list[str], locks: list[str]) -> None:
    pinned = pins(*locks)
    for requirement in map(Requirement, wanted):
        versions = pinned.get(canonicalize_name(requirement.name), set())
        assert versions, f"make lock: {requirement} is not in {locks[-1]}"
        assert all(requirement.specifier.contains(version) for version in versions)


def test_what_builds_the_project_is_locked_as_it_is_asked_for() -> None:
    assert set(PROJECT["build-system"]["requires"]) <= set(PROJECT["dependency-groups"]["build"])


def imported(folder: Path) -> set[str]:
    """The top-level names of other people's packages that the code below a folder imports."""
    names: set[str] = set()
    for file in folder.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names.add(node.module.partition(".")[0])
    return names - set(sys.stdlib_module_names) - {"pipeline", "tests"}


def test_what_the_code_imports_is_declared_and_what_is_declared_is_imported() -> None:
    extras = PROJECT["project"]["optional-dependencies"]
    core = {canonicalize_name(Requirement(one).name) for one in PROJECT["project"]["dependencies"]}
    optional = {
        canonicalize_name(Requirement(one).name)
        for extra in ("voice", "align", "piper")
        for one in extras[extra]
    }
    optional.add("piper")  # what piper-tts is imported as, where it is not installed
    distributions = packages_distributions()
    used = {
        canonicalize_name(name)
        for module in imported(ROOT / "pipeline")
        for name in distributions.get(module, [module])
    }
    assert used <= core | optional, "declare it in pyproject.toml, then: make lock"
    # pydub imports audioop, which left Python with 3.13; a URL asks for psycopg; uvicorn takes what is faster
    behind = {"audioop-lts", "psycopg", "uvloop", "httptools"}
    assert core - behind <= used, "nothing imports it: take it out of pyproject.toml"


# --- the installer, on packages made here --------------------------------------------------------

BACKEND = """\
import os
import zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = "tiny-1-py3-none-any.whl"
    with zipfile.ZipFile(f"{folder}/{name}", "w") as wheel:
        wheel.writestr("tiny.pth", os.getcwd())
        wheel.writestr("tiny-1.dist-info/METADATA", "Metadata-Version: 2.1\\nName: tiny\\nVersion: 1\\n")
        wheel.writestr("tiny-1.dist-info/WHEEL", "Wheel-Version: 1.0\\nTag: py3-none-any\\n")
        wheel.writestr("tiny-1.dist-info/RECORD", "")
    return name
"""


class Checkout:
    """A checkout of a tiny project, with the real installer and wheels made on the spot."""

    def __init__(self, root: Path, wheels: Path) -> None:
        self.root, self.wheels = root, wheels
        (root / ".ci").mkdir(parents=True)
        wheels.mkdir()
        shutil.copy(ROOT / ".ci" / "install.py", root / ".ci")
        (root / "backend.py").write_text(BACKEND)
        (root / "pyproject.toml").write_text(
            '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
            '[project]\nname = "tiny"\nversion = "1"\n'
        )
        for part in ("-build", "", "-voice", "-test"):
            self.lock(f"requirements{part}.txt", f"needed{part.replace('-', '_')}")

    def lock(self, name: str, package: str, digest: str = "") -> None:
        """A lock file of one package."""
        made = digest or self.wheel(package)
        (self.root / name).write_text(f"{package}==1 --hash=sha256:{made}\n")

    def wheel(self, package: str) -> str:
        """A wheel for pip to find, and what it hashes to."""
        about = f"{package}-1.dist-info"
        file = self.wheels / f"{package}-1-py3-none-any.whl"
        with zipfile.ZipFile(file, "w") as wheel:
            wheel.writestr(f"{package}.py", "")
            wheel.writestr(
                f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: 1\n"
            )
            wheel.writestr(
                f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            wheel.writestr(f"{about}/RECORD", f"{package}.py,,\n{about}/RECORD,,\n")
        return hashlib.sha256(file.read_bytes()).hexdigest()

    def install(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run the installer as make does."""
        python = getattr(sys, "_base_executable", sys.executable)
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PIP_")}
        network = {
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_NO_INDEX": "1",
            "PIP_CONFIG_FILE": os.devnull,
        }
        return subprocess.run(
            [python, ".ci/install.py", *arguments],
            cwd=self.root,
            env={**kept, **network, **environment},
            capture_output=True,
            text=True,
        )

    def has(self, package: str) -> bool:
        return bool(list(self.root.glob(f".venv/lib/*/site-packages/{package}.py")))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path / "a folder", tmp_path / "wheels")


def test_it_installs_what_is_missing_in_few_words_and_a_second_time_says_nothing(
    checkout: Checkout,
) -> None:
    first = checkout.install("core", "voice")
    assert first.returncode == 0, first.stdout + first.stderr
    assert checkout.has("needed")
    assert checkout.has("needed_voice")
    assert not checkout.has("needed_test")
    assert len(first.stdout.splitlines()) == 10, "two lines for each of five steps"
    second = checkout.install("core", "voice")
    assert (second.returncode, second.stdout, second.stderr) == (0, "", "")
    third = checkout.install("core", "voice", "test")
    assert checkout.has("needed_test")
    assert third.stdout.count("Installing") == 1


def test_it_works_in_any_folder_and_any_locale(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "in Łódź, ünter 我", tmp_path / "wheels")
    ran = checkout.install("core", "voice", LC_ALL="C", LANG="C")
    assert ran.returncode == 0, ran.stdout + ran.stderr
    imports = subprocess.run(
        [checkout.root / ".venv" / "bin" / "python", "-c", "import backend, needed_voice"],
        cwd=tmp_path,
        env={**os.environ, "LC_ALL": "C"},
        capture_output=True,
        text=True,
    )
    assert imports.returncode == 0, imports.stderr


def test_leftovers_in_the_users_pip_configuration_do_no_harm(checkout: Checkout) -> None:
    ran = checkout.install(
        "core",
        PIP_USER="1",
        PIP_TARGET=str(checkout.root / "elsewhere"),
        PIP_NO_BINARY=":all:",
        PIP_CONSTRAINT="/nowhere",
        PIP_REQUIRE_HASHES="1",
        PYTHONPATH=str(checkout.wheels),
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert checkout.has("needed")
    assert not (checkout.root / "elsewhere").exists()


def test_a_file_that_is_not_the_locked_one_is_refused_and_pip_is_heard(checkout: Checkout) -> None:
    checkout.lock("requirements-test.txt", "needed_test", digest="0" * 64)
    ran = checkout.install("test")
    assert ran.returncode == 1
    assert "DO NOT MATCH THE HASHES" in ran.stdout
    assert not checkout.has("needed_test")


def test_without_the_best_voice_it_goes_on_and_tries_again_when_asked(checkout: Checkout) -> None:
    voice = next(checkout.wheels.glob("needed_voice*"))
    voice.rename(voice.with_suffix(".away"))
    first = checkout.install("voice")
    assert first.returncode == 0, first.stdout + first.stderr
    assert "the light voice will read" in first.stdout
    assert checkout.install("voice").stdout == ""
    voice.with_suffix(".away").rename(voice)
    checkout.install("--again", "voice")
    assert checkout.has("needed_voice")


def test_a_folder_that_was_moved_gets_its_own_venv(checkout: Checkout) -> None:
    assert checkout.install("build").returncode == 0
    checkout.root = checkout.root.rename(checkout.root.with_name("moved"))
    ran = checkout.install("build")
    assert "Making .venv" in ran.stdout
    assert checkout.has("needed_build")


# --- make ----------------------------------------------------------------------------------------


def test_an_old_python_is_refused_in_a_sentence(tmp_path: Path) -> None:
    old = tmp_path / "python3.9"
    old.write_text(
        "#!/bin/sh\n"
        f'exec "{sys.executable}" -c \'import runpy, sys\n'
        'sys.version_info = (3, 9, 18, "final", 0)\n'
        "sys.argv = sys.argv[1:]\n"
        'runpy.run_path(sys.argv[0], run_name="__main__")\' "$@"\n'
    )
    old.chmod(0o755)
    ran = subprocess.run(
        ["make", "publish", f"PYTHON={old}"], cwd=ROOT, capture_output=True, text=True
    )
    assert ran.returncode == 2
    assert ran.stderr.startswith("Simulcast needs Python 3.11 or newer;")
    assert "3.9.18" in ran.stderr


def test_clean_leaves_what_cannot_be_made_again(tmp_path: Path) -> None:
    kept = ["build/outbox/new/1", ".simulcast/ledger.db", "content/a.md", "audio/a.wav"]
    gone = ["build/site/index.html", ".simulcast/store/objects/a", ".ruff_cache/a"]
    for path in [*kept, *gone, "pipeline/a", "tests/a", ".ci/a"]:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    subprocess.run(["make", "-f", ROOT / "Makefile", "clean"], cwd=tmp_path, check=True)
    assert all((tmp_path / path).exists() for path in kept)
    assert not any((tmp_path / path).exists() for path in gone)


def test_the_wheel_carries_the_themes(tmp_path: Path) -> None:
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"),
            *("--no-build-isolation", "--wheel-dir", tmp_path, ROOT),
        ],
        check=True,
        capture_output=True,
    )
    with zipfile.ZipFile(next(tmp_path.glob("simulcast-*.whl"))) as wheel:
        names = wheel.namelist()
    assert "pipeline/themes/ledger/theme.toml" in names
    assert "pipeline/cli/__init__.py" in names
    assert not [name for name in names if name.startswith(("tests/", "content/", "templates/"))]
