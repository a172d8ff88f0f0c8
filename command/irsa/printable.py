"""Lines for a terminal, and tables for a comment on a pull request. Pure.

Annotations, policies and error messages are untrusted: a control sequence in one must not reach the
terminal, and a line break must not fake a line of the report.
"""

from collections.abc import Iterable, Iterator, Sequence


def line(text: str) -> str:
    r"""Return the text with unprintable characters as escapes, such as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def lines(*texts: str) -> str:
    """Join lines, each escaped to stay one line."""
    return "\n".join(map(line, texts))


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield the lines of a Markdown table."""
    for cells in (head, ["---"] * len(head), *rows):
        yield f"| {' | '.join(cells)} |"


def code(text: str) -> str:
    """Return the text as code in a Markdown table, where nothing of it is a link or a mention."""
    return f"`{text.replace('`', chr(39)).replace('|', chr(92) + '|')}`"
