"""A picture as SVG that stands in an HTML page: boxes in columns, from left to right. Pure.

All that looks different by kind or status is a class; the page has the colours. No attribute holds
code or style, so that a content security policy may forbid both.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import NamedTuple

from irsa.commands.pictures.picture import Box, Picture, Way
from irsa.commands.printable import line
from irsa.identity.arns import kind_of, name_of
from irsa.verify.link import Status

WIDTH, HEIGHT = 208, 38
"""Of a box, in pixels."""
ACROSS, DOWN = 64, 14
"""Between two columns, and between two boxes of one."""
MARGIN = 12
LETTERS = 28
"""Of a name; longer ones are cut in the middle."""

_WORST_FIRST = (Status.FAILED, Status.UNKNOWN, Status.PASSED)


class _Place(NamedTuple):
    x: float
    y: float


def svg(picture: Picture, title: str) -> str:
    """The picture; ``title`` says what it shows to those who do not see it."""
    places = _places(picture)
    width = max(at.x for at in places.values()) + WIDTH + MARGIN
    height = max(at.y for at in places.values()) + HEIGHT + MARGIN
    size = f'width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    begin = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{_text(title)}" {size}>'
    )
    arrows = [_arrow(*ends, ways, places) for ends, ways in picture.arrows.items()]
    boxes = [_box(box, more, places[box]) for box, more in picture.boxes.items()]
    return "\n".join([begin, *arrows, *boxes, "</svg>"])


def _places(picture: Picture) -> Mapping[Box, _Place]:
    """Each box as near as there is room to those that lead to it."""
    columns = _columns(picture)
    sources: dict[Box, list[Box]] = {}
    for start, end in picture.arrows:
        sources.setdefault(end, []).append(start)
    places: dict[Box, _Place] = {}
    for number, boxes in enumerate(columns):
        wanted = {box: _middle(sources.get(box, ()), places) for box in boxes}
        below = float(MARGIN)
        for box in sorted(boxes, key=lambda each: wanted[each]):
            y = max(below, wanted[box])
            places[box] = _Place(MARGIN + number * (WIDTH + ACROSS), y)
            below = y + HEIGHT + DOWN
    return places


def _middle(sources: Sequence[Box], places: Mapping[Box, _Place]) -> float:
    heights = [places[each].y for each in sources if each in places]
    return sum(heights) / len(heights) if heights else 0.0


def _columns(picture: Picture) -> list[list[Box]]:
    """Boxes by how many arrows lead to them from one to which none does."""
    ends = {end for _, end in picture.arrows}
    first = [box for box in picture.boxes if box not in ends] or list(picture.boxes)[:1]
    # What only trust policies name, such as a pattern, stands beside the service accounts.
    depth = {box: 0 if box == first[0] else 1 for box in first}
    targets: dict[Box, list[Box]] = {}
    for start, end in picture.arrows:
        targets.setdefault(start, []).append(end)
    queue = list(first)
    for box in queue:
        for end in targets.get(box, ()):
            if end not in depth:
                depth[end] = depth[box] + 1
                queue.append(end)
    for start, end in picture.arrows:
        if end not in targets:  # the end of all ways stands right of each
            depth[end] = max(depth[end], depth.get(start, 0) + 1)
    columns: list[list[Box]] = [[] for _ in range(max(depth.values()) + 1)]
    for box in picture.boxes:
        columns[depth.get(box, 1)].append(box)
    return [each for each in columns if each]


def _box(box: Box, more: Sequence[str], at: _Place) -> str:
    title = "\n".join([f"{box.kind} {box.name}", *more])
    return (
        f'<g class="box {_word(box.kind)}" data-name="{_text(box.name)}">'
        f"<title>{_text(title)}</title>"
        f'<rect x="{at.x:.0f}" y="{at.y:.0f}" width="{WIDTH}" height="{HEIGHT}" rx="5"/>'
        f'<text class="kind" x="{at.x + 8:.0f}" y="{at.y + 14:.0f}">{_text(box.kind)}</text>'
        f'<text x="{at.x + 8:.0f}" y="{at.y + 30:.0f}">{_text(_cut(box))}</text></g>'
    )


def _arrow(start: Box, end: Box, ways: Sequence[Way], places: Mapping[Box, _Place]) -> str:
    left, right = places[start], places[end]
    x1, y1 = left.x + WIDTH, left.y + HEIGHT / 2
    x2, y2 = right.x, right.y + HEIGHT / 2
    reach = max(ACROSS / 2, (x2 - x1) / 2)
    if right.x <= left.x:  # within a column, or back: around the right side
        x2 = right.x + WIDTH
        bend = f"C {x1 + reach:.0f} {y1:.0f}, {x2 + reach:.0f} {y2:.0f}, {x2:.0f} {y2:.0f}"
    else:
        bend = f"C {x1 + reach:.0f} {y1:.0f}, {x2 - reach:.0f} {y2:.0f}, {x2:.0f} {y2:.0f}"
    statuses = {way.status for way in ways}
    worst = next((each.value for each in _WORST_FIRST if each in statuses), "plain")
    title = f"{start.name} → {end.name}\n" + "\n".join(way.text for way in ways)
    return (
        f'<g class="arrow {worst}" data-from="{_text(start.name)}" data-to="{_text(end.name)}">'
        f"<title>{_text(title)}</title>"
        f'<path d="M {x1:.0f} {y1:.0f} {bend}"/></g>'
    )


def _cut(box: Box) -> str:
    """The name, of a role without what all ARNs have."""
    name = name_of(box.name) if kind_of(box.name) == "role" else box.name
    if len(name) <= LETTERS:
        return name
    half = (LETTERS - 1) // 2
    return f"{name[:half]}…{name[-half:]}"


def _word(kind: str) -> str:
    return kind.replace(" ", "-")


def _text(text: str) -> str:
    return escape("\n".join(map(line, text.split("\n"))))
