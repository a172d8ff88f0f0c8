"""The generated parts of the documents: blocks between two marks, and the repository's address.

A block stands between ``<!-- begin: NAME -->`` and ``<!-- end: NAME -->``; `tools.docs.reference`
has its text. Some blocks come from runs, and tests in tests/sandbox compare them: ``transcript
KEY …`` has the demo's checks of those keys, from `python -m irsa_sandbox demo --output json`.
"""

import re
from collections.abc import Mapping
from pathlib import Path

from irsa_core import REPOSITORY, __version__
from tools.docs import reference
from tools.docs.pages import documents
from tools.environment import ROOT

_BLOCK = re.compile(
    r"(?P<begin><!-- begin: (?P<name>[^>]+?) -->\n).*?(?P<end><!-- end: (?P=name) -->)", re.DOTALL
)
TRANSCRIPT = re.compile(
    r"(?P<begin><!-- begin: transcript (?P<keys>[\w -]+?) -->\n)(?P<content>.*?)"
    r"(?P<end><!-- end: transcript (?P=keys) -->)",
    re.DOTALL,
)
PASTED = (
    "components/template/requirements.txt",
    "command/setup.py",
    "components/setup.py",
    "sandbox/setup.py",
    "docs/examples/pull-request.yml",
    "docs/examples/up.yml",
)
"""Files that say where the repository is, besides the documents."""
_FROM_RUNS = ("transcript ", "sdk matrix")
_TAG = f"v{__version__}"
_ADDRESSES = {
    "git clone ": REPOSITORY,
    "git+": f"{REPOSITORY}@{_TAG}",
    "package add ": f"{REPOSITORY}/components@{_TAG}",
    "pulumi new ": f"{REPOSITORY}/tree/{_TAG}/components/template",
}
"""The text behind each of these that users paste, in place of an older address or version."""


def outdated() -> dict[Path, str]:
    """Return the current text of each file that has another one."""
    wanted = {path: with_blocks(path.read_text()) for path in documents()}
    wanted |= {ROOT / name: (ROOT / name).read_text() for name in PASTED}
    wanted = {path: with_addresses(text) for path, text in wanted.items()}
    return {
        path: text for path, text in wanted.items() if not path.exists() or path.read_text() != text
    }


def with_addresses(text: str) -> str:
    """Return a document in which users get the repository from its address, at this version."""
    for before, address in _ADDRESSES.items():
        text = re.sub(rf"({re.escape(before)})https://[^\s'\"`#]+", rf"\g<1>{address}", text)
    return text


def with_blocks(text: str) -> str:
    """Return a document with current blocks; KeyError for a block of an unknown name."""

    def renewed(match: re.Match[str]) -> str:
        if match["name"].startswith(_FROM_RUNS):
            return match[0]
        return f"{match['begin']}{reference.BLOCKS[match['name']]()}{match['end']}"

    return _BLOCK.sub(renewed, text)


def with_transcripts(text: str, checks: Mapping[str, Mapping[str, str]]) -> str:
    """Return a document with the transcripts of these checks of the demo."""

    def renewed(match: re.Match[str]) -> str:
        listed = [checks[key] for key in match["keys"].split()]
        shown = "\n".join(f"$ {each['command']}\n{each['output']}" for each in listed)
        return f"{match['begin']}```console\n{shown}\n```\n{match['end']}"

    return TRANSCRIPT.sub(renewed, text)
