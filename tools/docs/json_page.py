"""docs/json.md: the fields of ``--output json``, compared with the output of the commands.

`problems` runs the commands on small inputs, and returns the fields in which a table of the page
and the output differ, in either direction.
"""

import ast
import io
import json
import re
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from irsa.__main__ import main
from irsa.commands.cli import json_text
from irsa.commands.credentials import process_output
from irsa.commands.verify import report
from irsa.observe.facts import Credentials
from irsa.verify.facts import ByToken
from irsa.verify.gather import Sources
from irsa.verify.walk import Chain
from irsa_core.identity.policies import service_trust_policy
from irsa_core.identity.pulumi_types import ASSOCIATION, PROVIDER, ROLE, SERVICE_ACCOUNT
from tools.environment import ROOT

PAGE = ROOT / "docs/json.md"
_SHARED = ("every command", "unchecked")
"""Sections of fields that objects of other sections have, too."""
_OBJECT = re.compile(
    r"^`(\w+)`: .*?(?: Also (.+)\.)?\n\n\| field .*\n\| --- .*\n((?:\| .*\n)+)", re.MULTILINE
)
_OPTIONAL = re.compile(r"NotRequired\[(.+)\]")
_FIELD = re.compile(r"^\| `(\w+)` \| `(.+?)` \|", re.MULTILINE)
ACCOUNT = "111122223333"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/s3-app"
ISSUER = "oidc.eks.us-east-1.amazonaws.com/id/0123456789ABCDEF0123456789ABCDEF"
PROVIDER_ARN = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{ISSUER}"
CALL = "sts:AssumeRoleWithWebIdentity"
ANY_ACCOUNT = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": CALL,
        "Principal": {"Federated": PROVIDER_ARN},
        "Condition": {"StringEquals": {f"{ISSUER}:aud": "sts.amazonaws.com"}},
    },
}
ASSUME = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": f"{ROLE_ARN}-B"}
ANNOTATED = {"eks.amazonaws.com/role-arn": ROLE_ARN}
RESOURCES: dict[str, dict[str, Any]] = {
    ROLE: {
        "arn": ROLE_ARN,
        "name": "s3-app",
        "assumeRolePolicy": json.dumps(ANY_ACCOUNT),
        "inlinePolicies": [{"name": "b", "policy": json.dumps({"Statement": [ASSUME]})}],
    },
    PROVIDER: {"arn": PROVIDER_ARN, "url": ISSUER, "clientIdLists": ["sts.amazonaws.com"]},
    SERVICE_ACCOUNT: {
        "metadata": {"namespace": "dev", "name": "s3-app", "annotations": ANNOTATED}
    },
    ASSOCIATION: {
        "associationArn": f"arn:aws:eks:us-east-1:{ACCOUNT}:podidentityassociation/dev/a-1",
        "clusterName": "dev", "namespace": "dev", "serviceAccount": "other", "roleArn": ROLE_ARN,
    },
}  # fmt: skip
STATE = {
    "deployment": {
        "resources": [
            {
                "urn": f"urn:pulumi:dev::shop::{kind}::s3-app",
                "type": kind, "id": "s3-app", "custom": True, "inputs": values, "outputs": values,
            }
            for kind, values in RESOURCES.items()
        ]
    }
}  # fmt: skip
STEP = {
    "action": CALL,
    "resource": ROLE_ARN,
    "trust_policy": ANY_ACCOUNT,
    "role_session_name": "app",
    "token": {"iss": f"https://{ISSUER}", "aud": ["sts.amazonaws.com"], "exp": 2, "sub": "x"},
}
PROVIDERS = [{"account": ACCOUNT, "url": f"https://{ISSUER}", "client_ids": ["sts.amazonaws.com"]}]
SCENARIO = {"now": 1, "oidc_providers": PROVIDERS, "steps": [STEP]}
FILES = {
    "state.json": STATE,
    "old.json": service_trust_policy("ec2.amazonaws.com"),
    "new.json": ANY_ACCOUNT,
    "allowed.json": SCENARIO,
    "unknown.json": SCENARIO | {"oidc_providers": None},
    "denied.json": SCENARIO | {"oidc_providers": []},
}
DENIED = f"User: {ROLE_ARN} is not authorized to perform: s3:ListBucket"
RUNS = (
    "decide allowed.json", "decide unknown.json", "decide denied.json",
    "explain --trust-policy new.json", "audit --stack state.json", "diff old.json new.json",
    "list --stack state.json", f"doctor {DENIED}", "takeover state.json", "audit --stack none",
)  # fmt: skip
"""Command lines, in which a file stands for one of `FILES`."""


def read_page() -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """Return the types of the fields of each object of the page, and the object of each section."""
    objects: dict[str, dict[str, str]] = {}
    outputs: dict[str, str] = {}
    shared: dict[str, str] = {}
    for section in PAGE.read_text().split("\n## ")[1:]:
        title = section.partition("\n")[0]
        for name, further, rows in _OBJECT.findall(section):
            fields = {field: kind.replace(r"\|", "|") for field, kind in _FIELD.findall(rows)}
            if title in _SHARED:
                shared |= fields
                continue
            objects[name] = fields | {field: shared[field] for field in re.findall(r"\w+", further)}
            outputs.setdefault(title, name)
    return objects, outputs


def problems() -> list[str]:
    """Return the differences between the page and the output of the commands."""
    objects, outputs = read_page()
    comparison = _Comparison(objects)
    differences: list[str] = []
    for name, value in printed():
        differences += comparison.differences(value, outputs[name], name)
    every = {f"{name}.{field}" for name, fields in objects.items() for field in fields}
    return [*differences, *(f"{each}: in no output" for each in sorted(every - comparison.seen))]


def printed() -> Iterator[tuple[str, object]]:
    """Yield what the commands print, by their names."""
    facts = ByToken(namespace="dev", name="s3-app", now=1, service_account=None, keys={})
    cluster: Any = SimpleNamespace(context="dev", title="dev")
    aws: Any = SimpleNamespace(account=ACCOUNT)
    chain = (facts, Chain(facts).links())
    yield "verify", json.loads(json_text(**report(Sources(cluster, aws).place, [chain], [])))
    yield "credentials", process_output(Credentials("AKIA", "secret", "token", "2026-12-01"))
    with tempfile.TemporaryDirectory() as folder:
        for name, document in FILES.items():
            (Path(folder) / name).write_text(json.dumps(document))
        for run in RUNS:
            command, *words = run.split()
            words = [str(Path(folder) / word) if word in FILES else word for word in words]
            with redirect_stdout(io.StringIO()) as out, redirect_stderr(io.StringIO()):
                main([command, *words, "--output", "json"])
            value = json.loads(out.getvalue())
            yield "an error" if "problem" in value else command, value


class _Comparison:
    """Comparison of values with types as the page writes them."""

    def __init__(self, objects: Mapping[str, Mapping[str, str]]) -> None:
        self._objects = objects
        self.seen: set[str] = set()
        """The fields that values had, as ``OBJECT.FIELD``."""

    def differences(self, value: Any, hint: str, path: str) -> Iterator[str]:
        """Yield the places where a value is not of a type."""
        kind = type(value).__name__.replace("NoneType", "None")
        match ast.parse(hint, mode="eval").body:
            case ast.Name(id=name) if name in self._objects and kind == "dict":
                yield from self._of_object(value, name, path)
            case ast.Subscript(value=ast.Name(id="list"), slice=item) if kind == "list":
                for one in value:
                    yield from self.differences(one, ast.unparse(item), path)
            case ast.Subscript(slice=ast.Tuple(elts=[_, item])) if kind == "dict":
                for one in value.values():
                    yield from self.differences(one, ast.unparse(item), path)
            case ast.BinOp(left=left, right=right):
                texts = map(ast.unparse, (left, right))
                either = [[*self.differences(value, text, path)] for text in texts]
                yield from () if [] in either else either[0]
            case _ if hint not in ("Any", kind):
                yield f"{path}: {value!r:.60} is not {hint}"
            case _:
                pass

    def _of_object(self, value: Mapping[str, Any], name: str, path: str) -> Iterator[str]:
        fields = self._objects[name]
        yield from (f"{path}.{field}: not in the page" for field in value.keys() - fields.keys())
        for field, hint in fields.items():
            optional = _OPTIONAL.fullmatch(hint)
            if field in value:
                self.seen.add(f"{name}.{field}")
                kind = optional[1] if optional else hint
                yield from self.differences(value[field], kind, f"{path}.{field}")
            elif not optional:
                yield f"{path}.{field}: missing"
