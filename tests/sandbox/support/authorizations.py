"""Records what a sandbox's AWS allows: `sitecustomize` of its background process imports this."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from irsa_sandbox import lifecycle
from irsa_sandbox.aws import ministack
from tests.support.paths import ROOT

FILE = "IRSA_RECORDED_AUTHORIZATIONS"
"""Variable with the file: a line for each call, with its caller, action, resource, and answer."""


@contextmanager
def recording(folder: Path) -> Iterator[Path]:
    """Let sandboxes that are started in the context record; returns the file."""
    (folder / "sitecustomize.py").write_text(f"import {__name__}\n")
    more = {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", FILE: str(folder / FILE)}
    background = lifecycle.background
    with patch.object(lifecycle, "background", lambda environ: background(environ) | more):
        yield folder / FILE


def _load(**options: Any) -> Any:
    application, evaluator = LOAD(**options), import_module("ministack.core.iam_evaluator")
    sts: Any = import_module("ministack.services.sts")
    enforce = evaluator.enforce

    def record(key: str, action: str, *more: Any, resource_arn: str = "*", **keys: Any) -> Any:
        denied = enforce(key, action, *more, resource_arn=resource_arn, **keys)
        caller = sts._sessions.get(key, {}).get("Arn", key)
        with Path(os.environ[FILE]).open("a") as lines:
            lines.write(json.dumps([caller, action, resource_arn, denied is None]) + "\n")
        return denied

    patch.object(evaluator, "enforce", record).start()
    return application


LOAD = ministack.load
if FILE in os.environ:
    ministack.load = _load
