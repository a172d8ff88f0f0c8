"""A picture as a Mermaid flowchart. Pure. https://mermaid.js.org/syntax/flowchart.html

Whatever stands in a name, the picture is valid, and it shows the name: what means something to
Mermaid, or to the Markdown that it reads in labels, is written as a character reference, or parted
by a character that is not seen. Tried with the versions 10.9, 11.4 and 12.3.
"""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from irsa.commands.marks import MARKS
from irsa.commands.pictures.picture import Box, Picture, Way
from irsa.commands.printable import line
from irsa.verify.link import Status

ARROWS = {Status.FAILED: "--x", Status.UNKNOWN: "-.->", Status.PASSED: "-->", None: "-->"}
WORST_FIRST = (Status.FAILED, Status.UNKNOWN, Status.PASSED, None)
COLUMNS = 28  # at more, Mermaid itself breaks the lines again
LINES = 6
"""Of one way or name; an error message can be a page long."""

JOINER = "\u2060"  # has no width, and parts two characters that mean something together
HAIR_SPACE = "\u200a"  # nothing opens emphasis in front of a space

_TOGETHER = re.compile(
    r"(?<=:)(?=//|fa-)"  # a link; an icon
    r"|(?<=www)(?=\.)|(?<=\S)(?=@)"  # links without a scheme
    r"|(?<=\])(?=\()"  # a link of Markdown
    r"|(?<=\$)(?=\$)"  # a formula
    r"|(?<=\\)"  # \n is a new line
    r"|(?<=ﬂ)(?=°)|(?<=¶)(?=ß)",  # stand for a character reference while Mermaid reads
    re.IGNORECASE,
)
_EMPHASIS = re.compile(r"[*~]|(?<![^\W_])_|_(?![^\W_])")
_CODE = ("`", "\u02cb")  # nothing parts a pair of backticks, but another sign looks the same
_STYLE = re.compile(r"style|classDef")  # after either and a colon, references lose their ends


def flowchart(picture: Picture) -> str:
    """The picture, from the top down."""
    ids = _ids(picture.boxes)
    drawn = ["flowchart TD"]
    for box, more in picture.boxes.items():
        label = _label([*_wrapped(box.kind), *_wrapped(box.name), *_each_wrapped(more)])
        drawn.append(f'  {ids[box]}["{label}"]')
    for (start, end), ways in picture.arrows.items():
        worst = next(each for each in WORST_FIRST if each in {way.status for way in ways})
        label = _label(_each_wrapped(map(_text, ways)))
        drawn.append(f'  {ids[start]} {ARROWS[worst]}|"{label}"| {ids[end]}')
    return "\n".join(drawn)


def _ids(boxes: Iterable[Box]) -> Mapping[Box, str]:
    """An id for each box, which depends on that box alone, so that a later picture has it too."""
    digests = {box: sha256(repr(tuple(box)).encode()).hexdigest() for box in boxes}
    size = next(n for n in (8, 64) if len({each[:n] for each in digests.values()}) == len(digests))
    return {box: f"{_word(box.kind)}_{digest[:size]}" for box, digest in digests.items()}


def _word(kind: str) -> str:
    return re.sub(r"[^a-z]", "_", kind.lower())


def _text(way: Way) -> str:
    return f"{MARKS[way.status]} {way.text}" if way.status else way.text


def _each_wrapped(texts: Iterable[str]) -> list[str]:
    return [each for text in texts for each in _wrapped(text)]


def _wrapped(text: str) -> list[str]:
    rows = textwrap.wrap(line(text), COLUMNS, break_long_words=False, break_on_hyphens=False)
    return rows if len(rows) <= LINES else [*rows[: LINES - 1], f"{rows[LINES - 1]} …"]


def _label(lines: Sequence[str]) -> str:
    plain = "./-@ " if any(map(_STYLE.search, lines)) else "./-@ :"
    return "<br/>".join(_escaped(each, plain) for each in lines)


def _escaped(text: str, plain: str) -> str:
    """A line of a label; ``plain`` are the signs that stand for themselves in it."""
    parted = _TOGETHER.sub(JOINER, text.replace(*_CODE))
    parted = _EMPHASIS.sub(lambda sign: f"{sign[0]}{HAIR_SPACE}", parted)
    if not (parted[0].isascii() and parted[0].isalpha()):
        parted = f"{JOINER}{parted}"  # 1. begins a list, and --- is a rule
    return "".join(
        each if each in plain or (each.isascii() and each.isalnum()) else f"#{ord(each)};"
        for each in parted
    )
