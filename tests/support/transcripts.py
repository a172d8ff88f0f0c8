"""Transcripts of the demo, without the parts that differ between runs."""

import re

VARIABLE = (
    (re.compile(r"\b[0-9A-F]{32}\b"), "<id>"),  # issuers
    (re.compile(r"\b(AROA|AIDA|AKIA|ASIA)[0-9A-Z]{8,}\b"), r"\1<id>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b"), "<uuid>"),
    (re.compile(r"\b(s3-app[a-z-]*)-[0-9a-f]{8,10}-[a-z0-9]{5}\b"), r"\1-<pod>"),
    (re.compile(r"\b\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\b"), "<time>"),
    (re.compile(r"\b1\d{9}\b"), "<seconds>"),
)


def normalised(text: str) -> str:
    """Return the text without the parts that differ between runs."""
    for pattern, placeholder in VARIABLE:
        text = pattern.sub(placeholder, text)
    return text
