"""Find templates and fill them: the publication's own first, then its theme's, then the theme's parents'."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pipeline import inlines as inline_renderers
from pipeline import markdown
from pipeline.errors import TemplateError, suggestion
from pipeline.inlines import Links
from pipeline.model import Block, Inline, words

if TYPE_CHECKING:
    from jinja2 import Environment
    from jinja2.runtime import Context
    from markupsafe import Markup

EXTENSIONS = {"web": ".html", "email": ".mjml", "feed": ".html", "text": ".txt", "speech": ".ssml"}
UNESCAPED = (".txt",)
SLOT = "https://slot.invalid/"
"""A slot stands in an edition where each recipient's own value goes; the host can never exist (RFC 2606)."""


def themes_folder() -> Path:
    """Where the themes that come with Simulcast lie: in the package, or beside it in a checkout."""
    package = Path(__file__).parent
    inside = package / "themes"
    return inside if inside.is_dir() else package.parent / "templates"


def search_path(root: Path, theme: str) -> tuple[Path, ...]:
    """The folders templates are looked for in, first match wins.

    Raises TemplateError: no such theme, or themes that extend each other in a circle.
    """
    homes = tuple(dict.fromkeys((root / "templates", themes_folder())))
    folders, seen = [root / "content" / "templates"], list[str]()
    while theme:
        found = [home / theme for home in homes if (home / theme).is_dir()]
        if not found:
            have = {path.parent.name for home in homes for path in home.glob("*/theme.toml")}
            raise TemplateError(f'there is no theme "{theme}"' + suggestion(theme, have))
        if theme in seen:
            raise TemplateError(
                f"themes extend each other in a circle: {' → '.join([*seen, theme])}"
            )
        seen.append(theme)
        folders.extend(found)
        parents = (_toml(folder / "theme.toml").get("extends", "") for folder in found)
        theme = next((str(parent) for parent in parents if parent), "")
    return tuple(folders)


def _toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8")) if file.is_file() else {}
    except (ValueError, RecursionError, OSError) as error:
        raise TemplateError(f"{file.parent.name}/{file.name}: {error}") from error


class Templates:
    """The templates of one publication; `used` remembers what was looked up, found or not, for staleness."""

    def __init__(self, folders: Sequence[Path], bytecode: Path | None = None) -> None:
        self.folders = tuple(folders)
        self.used: dict[str, str] = {}
        self._states: dict[str, str] = {}
        self._bytecode = bytecode
        self._environment: Environment | None = None
        self._theme: dict[str, Any] | None = None

    def state(self, name: str) -> str:
        """What a name resolves to now: the hash of the file that wins, or "" where there is none."""
        if name not in self._states:
            self._states[name] = self._state(name)
        return self._states[name]

    def _state(self, name: str) -> str:
        digest = hashlib.sha256()
        files = [folder / name for folder in self.folders if (folder / name).is_file()]
        for file in files if name == "theme.toml" else files[:1]:
            digest.update(file.read_bytes())
        return digest.hexdigest() if files else ""

    def _note(self, name: str) -> None:
        self.used[name] = self.state(name)

    @property
    def theme(self) -> Mapping[str, Any]:
        """theme.toml of the publication over its theme's over the parents', table by table."""
        self._note("theme.toml")
        if self._theme is None:
            merged: dict[str, Any] = {}
            for folder in reversed(self.folders):
                for key, value in _toml(folder / "theme.toml").items():
                    old = merged.get(key)
                    merged[key] = (
                        {**old, **value}
                        if isinstance(old, dict) and isinstance(value, dict)
                        else value
                    )
            self._theme = merged
        return self._theme

    def asset(self, name: str) -> bytes:
        """The bytes of a file of the theme, e.g. "static/style.css"."""
        self._note(name)
        for folder in self.folders:
            if (folder / name).is_file():
                return (folder / name).read_bytes()
        raise self._missing(name)

    def assets(self, under: str) -> tuple[str, ...]:
        """The names of all files of the theme in one of its folders, e.g. "static"."""
        found = {
            file.relative_to(folder).as_posix()
            for folder in self.folders
            for file in (folder / under).rglob("*")
            if file.is_file()
        }
        return tuple(sorted(found))

    def has(self, name: str) -> bool:
        """Whether there is such a template; asking is remembered too."""
        self._note(name)
        return bool(self.state(name))

    def render(self, name: str, *, at: str | None = None, **values: Any) -> str:
        """Fill a template; `at` is the path below build/site of the page being made, None for absolute links.

        Raises TemplateError: the template, or one it includes, is missing, or is wrong at a line that is named.
        """
        publication, listing = values["publication"], values.get("listing")
        shared = {
            **values,
            "theme": self.theme,
            "medium": name.partition("/")[0],
            "links": Links(publication.url, at, listing.slug if listing else ""),
        }
        shared["shared"] = shared
        return self._filled(name, shared)

    def _filled(self, name: str, values: Mapping[str, Any]) -> str:
        import jinja2

        try:
            return self.environment.get_template(name).render(values)
        except jinja2.TemplateNotFound as error:
            raise self._missing(str(error.name or name)) from error
        except jinja2.TemplateSyntaxError as error:
            raise TemplateError(
                f"{self._shown(error.filename or name)}:{error.lineno}: {error.message}"
            ) from error
        except (jinja2.TemplateError, TypeError, AttributeError, KeyError, ValueError) as error:
            raise TemplateError(f"{self._where(error, name)}: {error}") from error

    def _missing(self, name: str) -> TemplateError:
        looked = ", ".join(self._shown(str(folder)) for folder in self.folders)
        return TemplateError(f'template "{name}" is missing; looked in {looked}')

    def _shown(self, file: str) -> str:
        root = self.folders[0].parent.parent
        path = Path(file)
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else file

    def _where(self, error: Exception, name: str) -> str:
        """The file and line of the innermost template that the error passed through."""
        place, trace = name, error.__traceback__
        while trace:
            file = trace.tb_frame.f_code.co_filename
            if any(file.startswith(str(folder)) for folder in self.folders):
                place = f"{self._shown(file)}:{trace.tb_lineno}"
            trace = trace.tb_next
        return place

    @property
    def environment(self) -> Environment:
        if self._environment is None:
            self._environment = _environment(self)
        return self._environment


def _environment(templates: Templates) -> Environment:
    import jinja2

    class Noting(jinja2.Environment):
        """Remembers every name asked for, includes and parents too."""

        def get_template(self, name: Any, *args: Any, **kwargs: Any) -> jinja2.Template:
            if isinstance(name, str):
                templates._note(name)
            return super().get_template(name, *args, **kwargs)

        def select_template(self, names: Any, *args: Any, **kwargs: Any) -> jinja2.Template:
            names = list(names)
            for name in names:
                templates._note(name)
            return super().select_template(names, *args, **kwargs)

    cached = None
    if templates._bytecode:
        templates._bytecode.mkdir(parents=True, exist_ok=True)
        cached = jinja2.FileSystemBytecodeCache(str(templates._bytecode))
    environment = Noting(
        loader=jinja2.FileSystemLoader([str(folder) for folder in templates.folders]),
        autoescape=lambda name: name is None or not name.endswith(UNESCAPED),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=False,
        auto_reload=False,
        cache_size=-1,
        bytecode_cache=cached,
    )
    environment.filters |= {
        "blocks": jinja2.pass_context(_blocks),
        "inlines": jinja2.pass_context(_inlines),
        "markdown": markdown.blocks,
        "prose": jinja2.pass_context(_prose),
        "words": words,
        "day": jinja2.pass_context(_day),
        "month": jinja2.pass_context(_month),
        "iso": _iso,
        "tongue": _tongue,
    }
    environment.globals |= {
        "to": jinja2.pass_context(lambda context, path: context["links"].to(path)),
        "static": jinja2.pass_context(lambda context, name: context["links"].to(f"static/{name}")),
        "slot": _slot,
    }
    return environment


def is_segment(block: Block) -> bool:
    """Whether a block is for some readers of the email, or for all others."""
    return block.kind in ("only", "except") and "=" in block.attributes["for"]


def shown(blocks: Iterable[Block], medium: str) -> Iterator[Block]:
    """The blocks of one medium: `only` and `except` blocks give way to what they hold, or to nothing; a soundbite's
    words stand among the others, since it is cut from what is heard.

    What is for email is for its plain text too: the two are one message, of which a reader sees one.
    """
    names = {medium, "email"} if medium == "text" else {medium}
    for block in blocks:
        if is_segment(block):
            if "email" in names:
                yield block
            elif block.kind == "except":  # what everybody may read, nobody can be kept from
                yield from shown(block.children, medium)
        elif block.kind in ("only", "except"):
            if names.isdisjoint(block.attributes["for"].split()) == (block.kind == "except"):
                yield from shown(block.children, medium)
        elif block.kind == "soundbite":
            yield from shown(block.children, medium)
        else:
            yield block


def _blocks(context: Context, blocks: Sequence[Block], folder: str = "blocks") -> Markup | str:
    """The blocks, each by its own template of this medium; `folder` names another set, of HTML templates."""
    medium, shared = context["medium"], context["shared"]
    extension = EXTENSIONS[medium] if folder == "blocks" else ".html"
    environment = context.environment
    out = "".join(
        _segment(context, block, folder)
        if is_segment(block)
        else environment.get_template(f"{medium}/{folder}/{block.kind}{extension}").render(
            shared, block=block
        )
        for block in shown(blocks, medium)
    )
    return _safe(out, context)


def _segment(context: Context, block: Block, folder: str) -> str:
    """Blocks that are for some readers of the email, between marks that delivery finds."""
    began = f"{SLOT}{block.kind}/{quote(block.attributes['for'], safe='=')}/"
    inside = _blocks(context, block.children, folder)
    if context["medium"] == "text":  # the tab keeps the line whole
        return f"\n\n{began}\t{inside}\n\n{SLOT}end/\t"
    return f"<!--{began}-->{inside}<!--{SLOT}end/-->"


def _inlines(context: Context, found: Sequence[Inline]) -> Markup | str:
    return _safe(inline_renderers.RENDERERS[context["medium"]](found, context["links"]), context)


def _prose(context: Context, text: str) -> Markup | str:
    """A line of Markdown from publication.toml, as words."""
    found = tuple(inline for block in markdown.blocks(text) for inline in block.inlines)
    return _inlines(context, found)


def _safe(out: str, context: Context) -> Markup | str:
    from markupsafe import Markup

    return out if context["medium"] == "text" else Markup(out)


@cache
def _locale(language: str) -> Any:
    from babel import Locale, UnknownLocaleError

    for name in (language, language.partition("-")[0], "en"):
        try:
            return Locale.parse(name, sep="-")
        except (UnknownLocaleError, ValueError):
            continue
    raise AssertionError("Babel knows English")


def _day(context: Context, when: date | str) -> str:
    """A date, or its ISO form as an attribute holds it, as the publication's language writes it: 3 June 2026."""
    from babel.dates import format_date

    if isinstance(when, str):
        when = date.fromisoformat(when)
    return str(format_date(when, "d MMMM y", locale=_locale(context["publication"].language)))


def _month(context: Context, when: datetime) -> str:
    """A month as the publication's language writes it: June 2026."""
    from babel.dates import format_date

    return str(format_date(when, "LLLL y", locale=_locale(context["publication"].language)))


def _tongue(language: str) -> str:
    """What a language calls itself: Deutsch."""
    locale = _locale(language)
    return str(locale.get_language_name(locale.language)).capitalize()


def _slot(name: str, otherwise: str | None = None) -> str:
    """Where each recipient's own value goes; `otherwise` stands there for who has none."""
    return SLOT + name + ("" if otherwise is None else f"/{quote(otherwise, safe='')}/")


def _iso(when: datetime) -> str:
    """RFC 3339, in UTC."""
    from datetime import UTC

    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
