"""A picture as a Mermaid flowchart. Pure. https://mermaid.js.org/syntax/flowchart.html

Any name gives a valid picture that shows the name: characters with a meaning in Mermaid, or in the
Markdown of its labels, are written as character references, or separated by an invisible character.
Tested with the versions 10.9, 11.4 and 12.3.
"""

import re
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from irsa.commands.pictures.picture import Box, Label, Picture
from irsa.printable import line
from irsa.verify.link import Status

ARROWS = {Status.FAILED: "--x", Status.UNKNOWN: "-.->", Status.PASSED: "-->", None: "-->"}
WORST_FIRST = (Status.FAILED, Status.UNKNOWN, Status.PASSED, None)
COLUMNS = 28  # at more, Mermaid itself breaks the lines again
LINES = 6
"""Of one label or name; an error message can be a page long."""

JOINER = "\u2060"  # has no width; separates two characters that have a meaning together
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
_CODE = ("`", "\u02cb")  # a pair of backticks cannot be separated; this character looks the same
_STYLE = re.compile(r"style|classDef")  # after either and a colon, references lose their ends


def flowchart(picture: Picture) -> str:
    """Return the picture as Mermaid, from the top down."""
    ids = _ids(picture.boxes)
    drawn = ["flowchart TD"]
    for box, more in picture.boxes.items():
        label = _label([*_wrapped(box.kind), *_wrapped(box.name), *_each_wrapped(more)])
        drawn.append(f'  {ids[box]}["{label}"]')
    for (start, end), labels in picture.arrows.items():
        worst = next(each for each in WORST_FIRST if each in {each.status for each in labels})
        label = _label([row for each in labels for row in _rows(each)])
        drawn.append(f'  {ids[start]} {ARROWS[worst]}|"{label}"| {ids[end]}')
    return "\n".join(drawn)


def _ids(boxes: Iterable[Box]) -> Mapping[Box, str]:
    """An id for each box that depends on that box alone, so that pictures can be compared."""
    digests = {box: sha256(repr(tuple(box)).encode()).hexdigest() for box in boxes}
    size = next(n for n in (8, 64) if len({each[:n] for each in digests.values()}) == len(digests))
    return {
        box: f"{re.sub(r'[^a-z]', '_', box.kind.lower())}_{digest[:size]}"
        for box, digest in digests.items()
    }


def _rows(label: Label) -> list[str]:
    """A label's text, of which a check that does not hold keeps one row."""
    rows = _wrapped(f"{label.status.mark} {label.text}" if label.status else label.text)
    is_cut = label.status in (Status.FAILED, Status.UNKNOWN) and len(rows) > 1
    return [f"{rows[0]} …"] if is_cut else rows


def _each_wrapped(texts: Iterable[str]) -> list[str]:
    return [each for text in texts for each in _wrapped(text)]


def _wrapped(text: str) -> list[str]:
    rows = textwrap.wrap(line(text), COLUMNS, break_long_words=False, break_on_hyphens=False)
    return rows if len(rows) <= LINES else [*rows[: LINES - 1], f"{rows[LINES - 1]} …"]


def _label(lines: Sequence[str]) -> str:
    plain = "./-@ " if any(map(_STYLE.search, lines)) else "./-@ :"
    return "<br/>".join(_escaped(each, plain) for each in lines)


def _escaped(text: str, plain: str) -> str:
    """Escape a line of a label, except for the characters of ``plain``."""
    parted = _TOGETHER.sub(JOINER, text.replace(*_CODE))
    parted = _EMPHASIS.sub(lambda sign: f"{sign[0]}{HAIR_SPACE}", parted)
    if not (parted[0].isascii() and parted[0].isalpha()):
        parted = f"{JOINER}{parted}"  # 1. begins a list, and --- is a rule
    return "".join(
        each if each in plain or (each.isascii() and each.isalnum()) else f"#{ord(each)};"
        for each in parted
    )
