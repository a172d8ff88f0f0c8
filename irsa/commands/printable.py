"""Lines for a terminal. Pure.

Annotations, policies and error messages are other people's texts: a control sequence in one must
not reach the terminal, and a line break must not begin a line of ours.
"""


def line(text: str) -> str:
    r"""The text with every unprintable character written as its escape, such as ``\x1b``."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def lines(*texts: str) -> str:
    """Output of several lines, each of them one line."""
    return "\n".join(map(line, texts))
