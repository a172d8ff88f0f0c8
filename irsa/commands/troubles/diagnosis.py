"""What AWS and SDK error texts mean for a Pod: causes, the likeliest first, and the check for each.

Pure. `python -m irsa doctor` looks a text up here, and docs/troubleshooting.md is made from it.
"""

import re
from dataclasses import replace

from irsa.commands.troubles.iam import DATA_TROUBLES, IAM_TROUBLES
from irsa.commands.troubles.pod import POD_TROUBLES
from irsa.commands.troubles.sts import STS_TROUBLES
from irsa.commands.troubles.trouble import Cause, Trouble
from irsa.identity.access_denied import Denial, flatten, read_denial

TROUBLES = (*STS_TROUBLES, *DATA_TROUBLES, *POD_TROUBLES, *IAM_TROUBLES)

TEXT_MAX = 50_000
"""Characters that are read, from the end: errors stand at the end of a log."""

# Programs print errors as JSON strings: \n, \n\t and \". A \t alone may be a folder on Windows.
_ESCAPED = re.compile(r"\\n(?:\\t)?|\\(?=[\"'])")


def diagnose(text: str) -> list[Trouble]:
    """The troubles that an error text names, in the order of the table.

    Only those of the nearest `Level` that fits are an answer. The causes of each are in the order
    of the table, and before all others those that the text itself speaks for.
    """
    flat = plain(text)
    fitting = [trouble for trouble in TROUBLES if trouble.pattern.search(flat)]
    nearest = min((trouble.level for trouble in fitting), default=None)
    denial = read_denial(flat)
    return [
        replace(trouble, causes=tuple(sorted(trouble.causes, key=lambda c: _rank(c, flat, denial))))
        for trouble in fitting
        if trouble.level is nearest
    ]


def plain(text: str) -> str:
    """The end of a text on one line, without the escapes of a JSON string."""
    return flatten(_ESCAPED.sub(" ", text[-TEXT_MAX:]))


def _rank(cause: Cause, flat: str, denial: Denial | None) -> int:
    """0 if AWS names the cause's type of policy, 1 if the text has the cause's words, else 2."""
    named = (
        denial is not None
        and denial.policy_type in cause.policy_types
        and cause.refusal in {None, denial.refusal}
    )
    if named:
        return 0
    return 1 if cause.words and cause.words.search(flat) else 2
