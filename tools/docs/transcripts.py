"""The demo's transcripts in the documents.

A block between ``<!-- begin: transcript KEY … -->`` and ``<!-- end: … -->`` has the checks of those
keys, as `python -m sandbox demo --output json` prints them. tests/sandbox/test_demo.py compares the
blocks with a run, without the parts that differ between runs.
"""

import re
from collections.abc import Mapping

TRANSCRIPT = "transcript "
BLOCK = re.compile(
    r"(?P<begin><!-- begin: transcript (?P<keys>[\w -]+?) -->\n)(?P<content>.*?)"
    r"(?P<end><!-- end: transcript (?P=keys) -->)",
    re.DOTALL,
)
VARIABLE = (
    (re.compile(r"\b[0-9A-F]{32}\b"), "<id>"),  # issuers
    (re.compile(r"\b(AROA|AIDA|AKIA|ASIA)[0-9A-Z]{8,}\b"), r"\1<id>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b(s3-app[a-z-]*)-[0-9a-f]{8,10}-[a-z0-9]{5}\b"), r"\1-<pod>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b"), "<time>"),
    (re.compile(r"\b1\d{9}\b"), "<seconds>"),
)


def render(checks: Mapping[str, Mapping[str, str]], keys: str) -> str:
    """Return the transcript of some checks as a Markdown block."""
    shown = [f"$ {checks[key]['command']}\n{checks[key]['output']}" for key in keys.split()]
    return "```console\n" + "\n".join(shown) + "\n```\n"


def update(text: str, checks: Mapping[str, Mapping[str, str]]) -> str:
    """Return the text with every transcript renewed."""
    return BLOCK.sub(lambda m: m["begin"] + render(checks, m["keys"]) + m["end"], text)


def normalised(text: str) -> str:
    """Return the text without the parts that differ between runs."""
    for pattern, placeholder in VARIABLE:
        text = pattern.sub(placeholder, text)
    return text
