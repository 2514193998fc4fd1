"""An episode's Markdown becomes a tree of typed blocks."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from typing import TYPE_CHECKING

from pipeline.errors import AuthorError, suggestion
from pipeline.model import MEDIA, Block, Inline, words

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import StateBlock
    from markdown_it.token import Token
    from markdown_it.tree import SyntaxTreeNode

DEEPEST = 40
"""Blocks nested deeper are refused: the parser would drop them silently, and no medium can show them."""


_READERS = re.compile(r"[a-z][\w-]*=[^\s=]+")


@dataclass(frozen=True, slots=True)
class Fence:
    """What a fenced div of one kind takes: attributes, and whether its body is a list of bold-termed entries."""

    required: frozenset[str] = frozenset()
    optional: frozenset[str] = frozenset()
    entries: bool = False
    quoted: bool = False


def _fence(
    required: str = "", optional: str = "", entries: bool = False, quoted: bool = False
) -> Fence:
    return Fence(frozenset(required.split()), frozenset(optional.split()), entries, quoted)


FENCES: Mapping[str, Fence] = {
    "lede": _fence(optional="by role", quoted=True),
    "pull": _fence(optional="by role", quoted=True),
    "callout": _fence(optional="title"),
    "correction": _fence("date"),
    "only": _fence("for"),
    "except": _fence("for"),
    "key-figures": _fence(optional="title", entries=True),
    "timeline": _fence(optional="title", entries=True),
    "round-up": _fence(optional="title", entries=True),
    "soundbite": _fence(optional="title"),
    "audio": _fence("src title"),
    "embed": _fence("url title"),
}
"""The schema of fenced divs. A new block type is one line here and one template per medium."""

TAKEN = frozenset(
    {"index.html", "card.png", "chapters.json", "episode.md", "waveform.svg", "loudness.svg"}
    | {f"transcript.{ending}" for ending in ("html", "json", "srt", "vtt")}
)
"""Files that stand beside an episode's page anyway."""

SPAN_ATTRIBUTES = frozenset({"class", "say", "title"})
SPAN_CLASSES = frozenset({"soundbite"})


@dataclass(frozen=True, slots=True)
class Document:
    """The body of an episode: its blocks, its footnotes, and the local files it uses with their lines."""

    blocks: tuple[Block, ...]
    footnotes: tuple[Block, ...]
    files: tuple[tuple[str, int], ...]


def document(text: str, where: str = "episode.md", first_line: int = 1) -> Document:
    """The blocks of a Markdown text whose first line is line `first_line` of the file `where`.

    Raises AuthorError: an unclosed or unknown fence, an unknown attribute, an undefined footnote, nesting deeper
    than DEEPEST, a list entry without its bold term.
    """
    reader = _Reader(where, first_line)
    tree = reader.tree(text)
    blocks = _marked_repeats(reader.blocks(tree.children))
    return Document(blocks, tuple(reader.footnotes), tuple(reader.files))


def blocks(text: str) -> tuple[Block, ...]:
    """The blocks of a Markdown text."""
    return document(text).blocks


def slugify(text: str) -> str:
    """Words as an address shows them: lower case, hyphens, letters of any script kept."""
    plain = unicodedata.normalize("NFKC", text).casefold().replace("’", "").replace("'", "")
    return re.sub(r"[^\w]+|_+", "-", plain).strip("-") or "section"


# --- the fence rule -------------------------------------------------------------------------------

_COLONS = re.compile(r"(:{3,})[ \t]*(.*?)[ \t]*:*[ \t]*$")
_CODE = re.compile(r"(`{3,}|~{3,})")
_ATTRIBUTE = re.compile(
    r"""\s*(?:\.(?P<kind>[\w-]+)|\#(?P<id>[\w-]+)|(?P<key>[\w-]+)=(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s"'}]+)))"""
)


class _FenceError(Exception):
    def __init__(self, line: int, message: str, code: str = "E142") -> None:
        self.line, self.message, self.code = line, message, code


def _header(rest: str, line: int) -> tuple[str, dict[str, str]]:
    """The kind and attributes of an opening line: `lede` or `{.lede by="…"}`."""
    if not rest.startswith("{"):
        if not re.fullmatch(r"[\w-]+", rest):
            raise _FenceError(
                line, f'":::" is followed by "{rest}"; write a block name, or {{.name key="value"}}'
            )
        return rest, {}
    if not rest.endswith("}"):
        raise _FenceError(line, f'"{rest}" has no closing "}}"')
    kind, attributes, at, end = "", dict[str, str](), 1, len(rest) - 1
    while rest[at:end].strip():
        found = _ATTRIBUTE.match(rest, at, end)
        if found is None:
            raise _FenceError(
                line, f'cannot read "{rest[at:end].strip()}"; write {{.name key="value"}}'
            )
        at = found.end()
        if found["kind"]:
            if kind:
                raise _FenceError(
                    line, f'a block has one name; found ".{kind}" and ".{found["kind"]}"'
                )
            kind = found["kind"]
        elif found["id"]:
            attributes["id"] = found["id"]
        else:
            quoted = found["quoted"]
            value = found["bare"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            if found["key"] in attributes:
                raise _FenceError(line, f'"{found["key"]}" is given twice')
            attributes[found["key"]] = value
    if not kind:
        raise _FenceError(line, f'"{rest}" names no block; write {{.name key="value"}}')
    return kind, attributes


def _line(state: StateBlock, number: int) -> str:
    return state.src[state.bMarks[number] + state.tShift[number] : state.eMarks[number]]


def _closing(state: StateBlock, start: int, end: int) -> int:
    """The line of the fence that closes the one at `start`; code fences in between hide what they hold."""
    depth, code = 1, ""
    for number in range(start + 1, end):
        text = _line(state, number)
        if text and state.sCount[number] < state.blkIndent:
            break
        mark = _CODE.match(text)
        if code:
            if mark and mark[1].startswith(code) and not text.strip().strip(code[0]):
                code = ""
            continue
        if mark:
            code = mark[1]
            continue
        fence = _COLONS.match(text)
        if fence and state.sCount[number] - state.blkIndent < 4:
            depth += 1 if fence[2] else -1
            if depth == 0:
                return number
    opening = _line(state, start).strip()
    raise _FenceError(
        start, f'"{opening}" is never closed; end the block with a line ":::"', code="E140"
    )


def _fence_rule(state: StateBlock, start: int, end: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    found = _COLONS.match(_line(state, start))
    if found is None:
        return False
    if silent:
        return True
    if not found[2]:
        raise _FenceError(start, '":::" closes a block that was never opened', code="E141")
    kind, attributes = _header(found[2], start)
    close = _closing(state, start, end)
    token = state.push("fence_div_open", "div", 1)
    token.map, token.info, token.meta = [start, close + 1], kind, attributes
    parent, limit = state.parentType, state.lineMax
    state.parentType, state.lineMax = "fence_div", close
    state.md.block.tokenize(state, start + 1, close)
    state.parentType, state.lineMax = parent, limit
    state.push("fence_div_close", "div", -1)
    state.line = close + 1
    return True


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt
    from mdit_py_plugins.attrs import attrs_plugin
    from mdit_py_plugins.footnote import footnote_plugin

    parser = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST})
    parser.enable(["table", "strikethrough"])
    parser.use(footnote_plugin).use(attrs_plugin, spans=True, after=())
    parser.block.ruler.before(
        "fence",
        "fence_div",
        _fence_rule,
        {"alt": ["paragraph", "reference", "blockquote", "list", "table"]},
    )
    return parser


# --- tokens to blocks -----------------------------------------------------------------------------

_FOOTNOTE = re.compile(r"(?<!\\)\[\^([^\]\s]+)\]")
_CODE_SPAN = re.compile(r"(`+)(?!`).*?(?<!`)\1(?!`)", re.DOTALL)
_HEADING_ID = re.compile(r"\s*\{#([\w-]+)\}$")
_DASH = re.compile(r"(?:—|–|--)\s*(?=\S)")
_EPISODE_LINK = re.compile(r"\.\./([^/]+)/(?:episode\.md)?(?:#(.*))?$")
_SCHEME = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//")


class _Reader:
    """One reading of one file: remembers where it is, which ids are taken, which files are used."""

    def __init__(self, where: str, first_line: int) -> None:
        self.where, self.first_line = where, first_line
        self.footnotes: list[Block] = []
        self.files: list[tuple[str, int]] = []
        self.ids: set[str] = set()
        self.line = first_line

    def refuse(self, message: str, line: int | None = None, code: str = "E100") -> AuthorError:
        return AuthorError(self.where, line or self.line, message, code=code)

    def tree(self, text: str) -> SyntaxTreeNode:
        from markdown_it.tree import SyntaxTreeNode

        try:
            tokens = _parser().parse(text)
        except _FenceError as error:
            raise self.refuse(error.message, self.first_line + error.line, error.code) from None
        self._refuse_depth(tokens)
        return SyntaxTreeNode(tokens)

    def _refuse_depth(self, tokens: Sequence[Token]) -> None:
        line = 0
        for token in tokens:
            line = token.map[0] if token.map else line
            if token.level >= DEEPEST - 1:
                raise self.refuse(
                    f"blocks are nested more than {DEEPEST - 2} deep",
                    self.first_line + line,
                    code="E155",
                )

    def at(self, node: SyntaxTreeNode) -> int:
        if node.map:
            self.line = self.first_line + node.map[0]
        return self.line

    def blocks(self, nodes: Sequence[SyntaxTreeNode]) -> tuple[Block, ...]:
        return tuple(self._blocks(nodes))

    def _blocks(self, nodes: Sequence[SyntaxTreeNode]) -> Iterator[Block]:
        for node in nodes:
            if node.type == "footnote_block":
                self.footnotes.extend(self.footnote(child) for child in node.children)
            elif node.type != "footnote_anchor":
                make = _BLOCKS.get(node.type)
                if make is None:
                    raise self.refuse(f"no block type for Markdown {node.type}", self.at(node))
                yield make(self, node, self.at(node))

    # one method a Markdown block

    def paragraph(self, node: SyntaxTreeNode, line: int) -> Block:
        inlines = self.inlines(node)
        if len(inlines) == 1 and inlines[0].kind == "image":
            image = inlines[0].attributes
            caption = _plain(image.get("title", ""))
            return Block(
                "figure", line, {"src": image["src"], "alt": image["alt"]}, inlines=caption
            )
        first = inlines[0] if inlines else None
        if first and first.kind == "strong" and len(inlines) > 1:
            head = words(first.children).rstrip()
            if head.endswith((".", "?", "!", ":", "…")):
                return Block("run-in", line, head=first.children, inlines=_trimmed(inlines[1:]))
        return Block("paragraph", line, inlines=inlines)

    def heading(self, node: SyntaxTreeNode, line: int) -> Block:
        level = int(node.tag[1])
        if level == 1:
            raise self.refuse(
                'a heading with one "#"; the title is in the front matter, so begin with "##"',
                code="E149",
            )
        inlines, named = self.inlines(node), ""
        if (
            inlines
            and inlines[-1].kind == "text"
            and (found := _HEADING_ID.search(inlines[-1].text))
        ):
            named = found[1]
            inlines = (*inlines[:-1], replace(inlines[-1], text=inlines[-1].text[: found.start()]))
        if not words(inlines).strip():
            raise self.refuse("a heading without words", code="E150")
        return Block(
            "heading", line, {"level": str(level), "id": self._id(named, inlines)}, inlines=inlines
        )

    def _id(self, named: str, inlines: tuple[Inline, ...]) -> str:
        if named and named in self.ids:
            raise self.refuse(f'the id "#{named}" is used twice', code="E151")
        base = named or slugify(words(inlines))
        found, count = base, 2
        while found in self.ids:
            found, count = f"{base}-{count}", count + 1
        self.ids.add(found)
        return found

    def list_(self, node: SyntaxTreeNode, line: int) -> Block:
        ordered = node.type == "ordered_list"
        start = str(node.attrs.get("start", 1)) if ordered else ""
        entries = tuple(
            Block(
                "entry",
                self.at(entry),
                {"tight": _tight(entry)},
                children=self.blocks(entry.children),
            )
            for entry in node.children
        )
        return Block(
            "list", line, {"ordered": "true" if ordered else "", "start": start}, children=entries
        )

    def quote(self, node: SyntaxTreeNode, line: int) -> Block:
        children, attributes = _attributed(self.blocks(node.children))
        return Block("quote", line, {"by": "", "role": "", **attributes}, children=children)

    def code(self, node: SyntaxTreeNode, line: int) -> Block:
        language = node.info.split()[0] if node.info.split() else ""
        return Block("code", line, {"language": language, "text": node.content})

    def rule(self, node: SyntaxTreeNode, line: int) -> Block:
        return Block("rule", line)

    def table(self, node: SyntaxTreeNode, line: int) -> Block:
        rows = tuple(
            Block(
                "row",
                self.at(row),
                {"header": "true" if part.type == "thead" else ""},
                children=tuple(self.cell(cell) for cell in row.children),
            )
            for part in node.children
            for row in part.children
        )
        return Block("table", line, children=rows)

    def cell(self, node: SyntaxTreeNode) -> Block:
        align = str(node.attrs.get("style", "")).removeprefix("text-align:")
        return Block("cell", self.line, {"align": align}, inlines=self.inlines(node))

    def footnote(self, node: SyntaxTreeNode) -> Block:
        number = str(int(node.meta["id"]) + 1)
        line = self.at(node.children[0]) if node.children else self.line
        return Block(
            "footnote",
            line,
            {"number": number, "id": f"fn-{number}"},
            children=self.blocks(node.children),
        )

    # fenced divs

    def fence(self, node: SyntaxTreeNode, line: int) -> Block:
        kind, attributes = node.info, dict(node.meta)
        if kind not in FENCES:
            raise self.refuse(f'unknown block "{kind}"' + suggestion(kind, FENCES), code="E143")
        fence = FENCES[kind]
        self._allow(f'"{kind}"', attributes, fence.required | fence.optional)
        for name in sorted(fence.required - set(attributes)):
            raise self.refuse(f'"{kind}" needs {name}="…"', code="E145")
        for name in fence.optional:
            attributes.setdefault(name, "")
        self._check_values(kind, attributes, line)
        if fence.entries:
            return Block(kind, line, attributes, children=self.entries(node, kind, line))
        children = self.blocks(node.children)
        if not children and kind not in ("audio", "embed"):
            raise self.refuse(f'"{kind}" is empty', line, code="E147")
        if fence.quoted:
            children, said = _attributed(children)
            attributes = {**attributes, **{k: v for k, v in said.items() if not attributes[k]}}
        return Block(kind, line, attributes, children=children)

    def _allow(self, what: str, attributes: Mapping[str, str], allowed: frozenset[str]) -> None:
        for name in attributes:
            if name not in allowed:
                raise self.refuse(
                    f'{what} has no attribute "{name}"' + suggestion(name, allowed), code="E144"
                )

    def _check_values(self, kind: str, attributes: Mapping[str, str], line: int) -> None:
        if kind in ("only", "except"):
            media = attributes["for"].split()
            if any("=" in name for name in media):
                self._check_readers(attributes["for"])
                return
            for name in media:
                if name not in MEDIA:
                    raise self.refuse(
                        f'for="{attributes["for"]}": no medium "{name}"' + suggestion(name, MEDIA),
                        code="E146",
                    )
            if not media:
                raise self.refuse(
                    f'for="" names no medium (allowed: {", ".join(MEDIA)})', code="E146"
                )
        if kind == "correction":
            try:
                date.fromisoformat(attributes["date"])
            except ValueError:
                found = attributes["date"]
                raise self.refuse(
                    f'date="{found}" is not a date; write it as 2026-06-05', code="E146"
                ) from None
        if kind == "embed" and not attributes["url"].startswith(("https://", "http://")):
            raise self.refuse(
                f'url="{attributes["url"]}" is not a web address; begin it with https://',
                code="E146",
            )
        if kind == "audio":
            self.file(attributes["src"], line)

    def _check_readers(self, written: str) -> None:
        """for="list=readers plan=paid": readers of the email, by their list or what is known of them."""
        for one in written.split():
            if not _READERS.fullmatch(one):
                raise self.refuse(
                    f'for="{written}": "{one}" names no readers; write media, or list=readers, or an '
                    "attribute of subscribers as plan=paid"
                )

    def entries(self, node: SyntaxTreeNode, kind: str, line: int) -> tuple[Block, ...]:
        lists = [child for child in node.children if child.type in ("bullet_list", "ordered_list")]
        if len(lists) != 1 or len(node.children) != 1:
            raise self.refuse(
                f'"{kind}" holds one list and nothing else; write its entries as "- **term** words"',
                line,
                code="E148",
            )
        return tuple(self.entry(child, kind) for child in lists[0].children)

    def entry(self, node: SyntaxTreeNode, kind: str) -> Block:
        line = self.at(node)
        children = self.blocks(node.children)
        first = children[0] if children else None
        if first and first.kind == "run-in":
            return Block(
                "entry", line, head=first.head, inlines=first.inlines, children=children[1:]
            )
        if (
            first
            and first.kind == "paragraph"
            and first.inlines
            and first.inlines[0].kind == "strong"
        ):
            term, rest = first.inlines[0], _trimmed(first.inlines[1:])
            return Block("entry", line, head=term.children, inlines=rest, children=children[1:])
        raise self.refuse(
            f'an entry of "{kind}" begins with its term in bold: "- **term** words"',
            line,
            code="E148",
        )

    # words

    def inlines(self, node: SyntaxTreeNode) -> tuple[Inline, ...]:
        found = [child for child in node.children if child.type == "inline"]
        if not found:
            return ()
        first = self.line
        self._refuse_undefined(found[0])
        made = tuple(self._inlines(found[0].children))
        self.line = first
        return made

    def _inlines(self, nodes: Sequence[SyntaxTreeNode]) -> Iterator[Inline]:
        for node in nodes:
            kind = _INLINES.get(node.type)
            if node.type == "text":
                if node.content:
                    yield Inline("text", node.content)
            elif node.type == "code_inline":
                yield Inline("code", node.content)
            elif node.type == "footnote_ref":
                number = str(int(node.meta["id"]) + 1)
                again = f"-{node.meta['subId'] + 1}" if node.meta["subId"] else ""
                names = {"number": number, "id": f"fn-{number}", "from": f"fn-{number}-from{again}"}
                yield Inline("note", attributes=names)
            elif node.type == "image":
                yield self.image(node)
            elif node.type == "link":
                yield Inline(
                    "link", children=tuple(self._inlines(node.children)), attributes=self.link(node)
                )
            elif node.type == "span":
                attributes = {key: str(value) for key, value in node.attrs.items()}
                self._check_span(attributes)
                yield Inline(
                    "span", children=tuple(self._inlines(node.children)), attributes=attributes
                )
            elif kind:
                self.line += kind in ("space", "break")
                yield Inline(kind, children=tuple(self._inlines(node.children)))
            else:
                raise self.refuse(f"no inline type for Markdown {node.type}")

    def _check_span(self, attributes: Mapping[str, str]) -> None:
        self._allow("[…]{…}", attributes, SPAN_ATTRIBUTES)
        for name in attributes.get("class", "").split():
            if name not in SPAN_CLASSES:
                raise self.refuse(f"[…]{{.{name}}} has no meaning" + suggestion(name, SPAN_CLASSES))
        if "title" in attributes and "class" not in attributes:
            raise self.refuse('[…]{title="…"} has no meaning; write [words]{.soundbite title="…"}')

    def _refuse_undefined(self, inline: SyntaxTreeNode) -> None:
        defined = {node.meta.get("label") for node in inline.walk() if node.type == "footnote_ref"}
        text = _CODE_SPAN.sub(lambda code: "\n" * code[0].count("\n"), inline.content)
        for found in _FOOTNOTE.finditer(text):
            if found[1] not in defined:
                raise self.refuse(
                    f'footnote [^{found[1]}] is not defined; add a line "[^{found[1]}]: words" '
                    "(or write \\[ for a bracket)",
                    self.line + text.count("\n", 0, found.start()),
                    code="E152",
                )

    def image(self, node: SyntaxTreeNode) -> Inline:
        source = self._address(str(node.attrs.get("src", "")))
        if _SCHEME.match(source):
            raise self.refuse(
                f'image "{source}" is on another server; keep a copy beside episode.md', code="E153"
            )
        self.file(source, self.line)
        alt = "".join(words((inline,)) for inline in self._inlines(node.children))
        title = str(node.attrs.get("title", ""))
        return Inline("image", attributes={"src": source, "alt": alt, "title": title})

    def _address(self, href: str) -> str:
        """A local path as the author wrote it: the parser percent-encodes spaces and letters."""
        from urllib.parse import unquote

        return href if _SCHEME.match(href) else unquote(href)

    def link(self, node: SyntaxTreeNode) -> dict[str, str]:
        href, title = (
            self._address(str(node.attrs.get("href", ""))),
            str(node.attrs.get("title", "")),
        )
        if not href:
            raise self.refuse(
                f'the link "{_link_words(node)}" leads nowhere; write [words](address)', code="E154"
            )
        if href.startswith("#"):
            return {"anchor": href[1:], "title": title}
        if found := _EPISODE_LINK.match(href):
            return {"episode": found[1], "fragment": found[2] or "", "title": title}
        if _SCHEME.match(href):
            return {"href": href, "title": title}
        self.file(href, self.line)
        return {"file": href, "title": title}

    def file(self, name: str, line: int) -> None:
        """Remember a local file; it lies in the episode's own folder."""
        if fault := misplaced(name):
            raise self.refuse(fault, line, code="E136")
        self.files.append((name, line))


def misplaced(name: str) -> str:
    """Why a name cannot be that of a file beside episode.md; "" where it can."""
    parts = name.split("/")
    if ".." in parts or "" in parts or "\\" in name:
        return f'"{name}" is not a file beside episode.md'
    if parts[0].lower() in TAKEN:
        return f'"{name}" is a name that the episode\'s page needs; rename the file'
    return ""


_BLOCKS: Mapping[str, Callable[[_Reader, SyntaxTreeNode, int], Block]] = {
    "paragraph": _Reader.paragraph,
    "heading": _Reader.heading,
    "bullet_list": _Reader.list_,
    "ordered_list": _Reader.list_,
    "blockquote": _Reader.quote,
    "fence": _Reader.code,
    "code_block": _Reader.code,
    "hr": _Reader.rule,
    "table": _Reader.table,
    "fence_div": _Reader.fence,
}

_INLINES = {
    "em": "emphasis",
    "strong": "strong",
    "s": "strike",
    "softbreak": "space",
    "hardbreak": "break",
}


def _plain(text: str) -> tuple[Inline, ...]:
    return (Inline("text", text),) if text else ()


def _tight(entry: SyntaxTreeNode) -> str:
    paragraphs = [child for child in entry.children if child.type == "paragraph"]
    return "true" if paragraphs and all(child.hidden for child in paragraphs) else ""


def _link_words(node: SyntaxTreeNode) -> str:
    return "".join(child.content for child in node.walk() if child.type == "text")


def _trimmed(inlines: tuple[Inline, ...]) -> tuple[Inline, ...]:
    """The words after a bold term, without the space between."""
    while inlines and inlines[0].kind in ("space", "break"):
        inlines = inlines[1:]
    if inlines and inlines[0].kind == "text":
        text = inlines[0].text.lstrip()
        return (replace(inlines[0], text=text), *inlines[1:]) if text else inlines[1:]
    return inlines


def _attributed(children: tuple[Block, ...]) -> tuple[tuple[Block, ...], dict[str, str]]:
    """A quotation without its last line "— Name, role", and that line as data."""
    last = children[-1] if children else None
    if last is None or last.kind != "paragraph":
        return children, {}
    breaks = [i for i, inline in enumerate(last.inlines) if inline.kind in ("space", "break")]
    start = breaks[-1] + 1 if breaks else 0
    tail = last.inlines[start:]
    if (
        not tail
        or tail[0].kind != "text"
        or not _DASH.match(tail[0].text)
        or (start == 0 and len(children) == 1)
    ):
        return children, {}
    by, _, role = _DASH.sub("", words(tail), count=1).partition(",")
    kept = last.inlines[: max(start - 1, 0)]
    rest = (*children[:-1], replace(last, inlines=kept)) if kept else children[:-1]
    return rest, {"by": by.strip(), "role": role.strip()}


def _marked_repeats(found: tuple[Block, ...]) -> tuple[Block, ...]:
    """The blocks, a pull quote that repeats the body marked so: a voice reads those words once."""
    if not any(block.kind == "pull" for block in found):
        return found
    body = _squeezed(
        " ".join(
            words(part.head) + " " + words(part.inlines)
            for block in found
            if block.kind != "pull"
            for part in block.walk()
        )
    )
    return tuple(
        replace(
            block,
            attributes={**block.attributes, "repeats": "true" if _repeats(block, body) else ""},
        )
        if block.kind == "pull"
        else block
        for block in found
    )


def _repeats(pull: Block, body: str) -> bool:
    return _squeezed(" ".join(words(part.inlines) for part in pull.walk())) in body


def _squeezed(text: str) -> str:
    return re.sub(r"[\W_]+", " ", text.casefold()).strip()
