"""Commands in this process, as if each had been started with the sandbox's environment."""

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from unittest import mock

import botocore.loaders
import botocore.session

from irsa.__main__ import main
from irsa_core.identity.arns import provider_arn_for
from irsa_sandbox.aws.accounts import ACCOUNT_A
from irsa_sandbox.session import Session
from irsa_sandbox.state import SandboxState

loader = cache(botocore.loaders.create_loader)
"""Loader of AWS's models, which are read once: a process of its own reads them each time."""


@dataclass(frozen=True)
class Result:
    """A command's exit code and output."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def chains(self) -> Any:
        return self.json["chains"]


def run(
    command: Callable[[list[str]], int],
    arguments: list[str],
    state: SandboxState,
    environment: Mapping[str, str],
    *,
    terminal: bool = False,
) -> Result:
    """Call a command's ``main``; ``environment`` adds to the sandbox's."""
    out, err = io.StringIO(), io.StringIO()
    everything = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "KUBE"))}
    programs = f"{Path(sys.executable).parent}{os.pathsep}{everything.get('PATH', os.defpath)}"
    everything |= {"PATH": programs, "HOME": "/nonexistent", "AWS_EC2_METADATA_DISABLED": "true"}
    everything |= {**state.environment(), **environment}
    with (
        mock.patch.dict(os.environ, everything, clear=True),
        mock.patch.object(botocore.session, "create_loader", loader),
        mock.patch.object(out, "isatty", return_value=terminal),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        code = command(arguments)
    return Result(code, out.getvalue(), err.getvalue())


@dataclass
class RegisteredCluster:
    """A sandbox with the cluster registered in account A, for `python -m irsa`."""

    session: Session

    @property
    def provider_arn(self) -> str:
        return provider_arn_for(self.session.state.issuer_url, ACCOUNT_A)

    def irsa(self, *arguments: str, terminal: bool = False, **environment: str) -> Result:
        """Run `python -m irsa` in this process, with the sandbox's environment."""
        return run(main, [*arguments], self.session.state, environment, terminal=terminal)
