"""Pictures as Mermaid: valid and complete for any name."""

import random

import pytest

from irsa.commands.pictures.mermaid import flowchart
from irsa.commands.pictures.picture import Box, Picture
from irsa.printable import line
from irsa.verify.link import Status
from tests.support.mermaid import Drawing, drawn_in_a_browser

ROLE = Box("role", "arn:aws:iam::111122223333:role/s3-app")
ACCOUNT = Box("service account", "dev/s3-app")

HOSTILE = [
    'a [b] {c} (d) "e" <f> |g|', "1. first", "- dash", "# head", "---", "> quote", "= rule",
    "system:serviceaccount:*:*", "aws-provider-*", "_under_ __bold__ ~~gone~~ s3_app_role",
    "`code`", "#35; #quot; &amp; &lt; &#10;", '%%{init: {"theme": "dark"}}%%', "%% comment",
    "style x:y#35; end", "classDef a:b", "end", "graph TD; subgraph", "</pre><script>x()",
    "<br/>", r"a\nb", r"\*", "$$x^2$$", "$$&$$", "fa:fa-car", "fab:fa-x", "https://x.y/z",
    "www.x.y", "a@b.c", "[link](http://a)", "![i](b)", "click n call x()", "日本語",
    "\u202ereversed", "a\u200bb", "\x1b[31m", ":::x", "@{ shape: rect }", "ﬂ°°35¶ß", "?", "x" * 200,
]  # fmt: skip


def random_names(seed, count):
    pieces = [*HOSTILE, *map(chr, range(33, 127))]
    dice = random.Random(seed)  # noqa: S311 - chooses test cases
    found = ("".join(dice.choices(pieces, k=dice.randint(1, 6))) for _ in range(count))
    return [name[:120] for name in found]


def picture_of(names):
    picture = Picture()
    for name in names:
        picture.arrow(picture.box("role", name), ROLE, f"trust {name}")
    return picture


def squeezed(text):
    """A text without spaces, which a browser and the wrapping of lines may change."""
    return "".join(text.replace("\u2060", "").split())


def expected(text):
    return squeezed(line(text).replace("`", "\u02cb"))


@pytest.mark.parametrize(
    ("statuses", "arrow", "labels"),
    [
        ([Status.PASSED, Status.PASSED], "-->", "✓ 0\n✓ 1"),
        ([Status.PASSED, Status.UNKNOWN], "-.->", "✓ 0\n? 1"),
        ([Status.UNKNOWN, Status.FAILED, Status.PASSED], "--x", "? 0\n✗ 1\n✓ 2"),
    ],
)
def test_two_boxes_have_one_arrow_with_all_labels_and_the_worst_status(statuses, arrow, labels):
    picture = Picture()
    for number, status in enumerate(statuses):
        picture.arrow(ACCOUNT, ROLE, str(number), status)
    picture.box(*ROLE, "policy s3-app")

    account, role = (f"{each.kind}\n{each.name}" for each in (ACCOUNT, ROLE))
    assert Drawing(flowchart(picture)).named == {(account, arrow, labels, f"{role}\npolicy s3-app")}


def test_an_id_depends_on_its_box_alone():
    alone, among = picture_of(["b"]), picture_of(["a", "b", "c"])

    before, after = Drawing(flowchart(alone)).boxes, Drawing(flowchart(among)).boxes

    assert before.items() <= after.items()


def test_a_message_of_many_lines_is_cut():
    picture = Picture()
    picture.box("role", "r", "word " * 200)

    [label] = Drawing(flowchart(picture)).boxes.values()
    assert label.count("\n") == 7
    assert label.endswith(" …")


@pytest.mark.parametrize("name", [*HOSTILE, *random_names(1, 200)])
def test_any_name_gives_two_boxes_and_an_arrow(name):
    drawing = Drawing(flowchart(picture_of([name])))

    assert len(drawing.boxes) == 2
    [(_, kind, text, _)] = drawing.arrows
    assert (kind, squeezed(text)) == ("-->", squeezed("trust") + expected(name))


def test_a_browser_draws_any_name(tmp_path):
    names = [*HOSTILE, *random_names(2, 150)]
    picture = picture_of(names)

    found = drawn_in_a_browser(flowchart(picture), tmp_path)

    boxes = {squeezed(text) for text in found["boxes"]}
    arrows = {squeezed(text) for text in found["arrows"]}
    assert boxes == {f"role{expected(name)}" for name in [*names, ROLE.name]}
    assert arrows == {f"trust{expected(name)}" for name in names}
