"""The Markdown files of the repository: their code blocks, headings and links."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
DOCUMENTS = sorted([*REPOSITORY.glob("*.md"), *(REPOSITORY / "docs").rglob("*.md")])

_FENCE = re.compile(r"^(?P<indent> *)```(?P<info>.*)$")
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#{1,6} (?P<title>.+?) *$")


@dataclass(frozen=True)
class Block:
    """A fenced code block: the words after its opening fence, its text, and the line (from 1) where the text begins."""

    info: str
    text: str
    line: int

    @property
    def language(self) -> str:
        return self.info.split(" ")[0]


def name(document: Path) -> str:
    return document.relative_to(REPOSITORY).as_posix()


def blocks(document: Path) -> Iterator[Block]:
    """The fenced blocks of a document, in order."""
    lines = document.read_text(encoding="utf-8").splitlines()
    opened: re.Match[str] | None = None
    start = 0
    for number, line in enumerate(lines):
        fence = _FENCE.match(line)
        if opened is None:
            opened, start = fence, number + 1
        elif fence and not fence["info"]:
            indent = len(opened["indent"])
            text = "\n".join(line[indent:] for line in lines[start:number]) + "\n"
            yield Block(opened["info"].strip(), text, start + 1)
            opened = None
    assert opened is None, f"{name(document)}: the fence before line {start + 1} is never closed"


def prose(document: Path) -> str:
    """A document without its code, lines kept."""
    lines: list[str] = []
    inside = False
    for line in document.read_text(encoding="utf-8").splitlines():
        if _FENCE.match(line):
            inside = not inside
            line = ""
        lines.append("" if inside else re.sub(r"`[^`]*`", lambda code: "`" + "_" * (len(code[0]) - 2) + "`", line))
    return "\n".join(lines)


def links(document: Path) -> list[str]:
    """The targets of all links within the repository."""
    targets = (match["target"] for match in _LINK.finditer(prose(document)))
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


def anchors(document: Path) -> set[str]:
    """The anchors that GitHub gives to the headings."""
    lines = document.read_text(encoding="utf-8").splitlines()
    found: set[str] = set()
    for line, bare in zip(lines, prose(document).split("\n"), strict=True):
        heading = _HEADING.match(line) if bare.startswith("#") else None
        if heading:
            found.add(re.sub(r"[^\w\- ]", "", heading["title"].lower()).replace(" ", "-"))
    return found


def script(document: Path) -> str:
    """The Python blocks of a document as one module, each on the lines where it stands in the document."""
    lines: list[str] = []
    for block in blocks(document):
        if block.info == "python":
            lines += [""] * (block.line - 1 - len(lines))
            lines += block.text.splitlines()
    return "\n".join(lines) + "\n"
