"""Lines for a terminal. Pure.

Annotations, policies and error messages are untrusted: a control sequence in one must not reach the
terminal, and a line break must not fake a line of the report.
"""


def line(text: str) -> str:
    r"""Return the text with unprintable characters as escapes, such as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def lines(*texts: str) -> str:
    """Join lines, each escaped to stay one line."""
    return "\n".join(map(line, texts))
