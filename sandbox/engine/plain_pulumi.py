"""Whether the sandbox's Pulumi CLI can run programs by itself, and so belongs on PATH.

`sandbox.engine.stack` needs no language host, so set-up brings none. A plain `pulumi up` does.
"""

import shutil
from pathlib import Path

from .. import COMMAND

LANGUAGE_HOST = "pulumi-language-python"
NO_HOST = (
    f"the sandbox's pulumi is not put on PATH: there is no {LANGUAGE_HOST} beside it, so it cannot "
    f"run programs. `{COMMAND} stack up` needs none; or install all of Pulumi, "
    "https://www.pulumi.com/docs/install/"
)


def folder_for_path(pulumi: Path, path: str) -> Path | None:
    """What to add to ``path``, a PATH, so that `pulumi up` works: nothing if it has a Pulumi CLI
    already, and nothing if the sandbox's own has no language host (`lacks_host`)."""
    if shutil.which("pulumi", path=path) or lacks_host(pulumi, path):
        return None
    return pulumi.parent


def lacks_host(pulumi: Path, path: str) -> bool:
    """Whether neither ``path`` has a Pulumi CLI nor the sandbox's own could run a program."""
    if shutil.which("pulumi", path=path):
        return False
    beside = pulumi.parent / LANGUAGE_HOST
    return not beside.exists() and not shutil.which(LANGUAGE_HOST, path=path)
