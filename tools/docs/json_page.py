"""docs/json.md: the fields of ``--output json``, compared with the output of the commands.

`problems` runs the commands on small inputs, and returns the fields in which a type of
`tools.docs.json_fields` and the output differ, in either direction.
"""

import io
import json
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints
from typing import is_typeddict as is_object

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
from tools.docs.components import annotated, purpose
from tools.docs.json_fields import OUTPUTS, Answer, Judged
from tools.docs.markdown import table

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


def fields() -> str:
    """Return the tables of all commands' fields; raises ValueError if the output has others."""
    if differences := problems():
        raise ValueError("; ".join(differences))
    return "\n".join(
        f"## {title}\n\n" + "\n".join(map(_table, reversed([*dict.fromkeys(_objects(kind))])))
        for title, kind in {
            "every command": Answer,
            "unchecked": Judged,
            **OUTPUTS,
        }.items()
    )


def _table(kind: Any) -> str:
    rows = [(f"`{name}`", f"`{hint}`", text) for name, hint, text in annotated(kind)]
    names = {f"`{name}`" for name in get_type_hints(kind)} - {row[0] for row in rows}
    rest = f" Also {', '.join(sorted(names))}." if names else ""
    title = f"`{kind.__name__}`: {purpose(kind)}{rest}"
    return f"{title}\n\n{table(('field', 'type', 'meaning'), rows)}"


def _objects(hint: Any) -> Iterator[Any]:
    """Yield the objects of a type, those that another one contains first."""
    nested = get_type_hints(hint).values() if is_object(hint) else get_args(hint)
    for each in nested:
        if each != list[hint]:
            yield from _objects(each)
    if is_object(hint):
        yield hint


def problems() -> list[str]:
    """Return the differences between the types and the output of the commands."""
    seen: set[str] = set()
    differences: list[str] = []
    for name, value in printed():
        differences += mismatches(value, OUTPUTS[name], name, seen)
    every = {
        f"{part.__name__}.{name}"
        for kind in OUTPUTS.values()
        for part in _objects(kind)
        for name in get_type_hints(part)
    }
    return [*differences, *(f"{field}: in no output" for field in sorted(every - seen))]


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


def mismatches(value: Any, hint: Any, path: str, seen: set[str]) -> Iterator[str]:
    """Yield the places where a value is not of a type; ``seen`` gets the fields that it has."""
    if is_object(hint) and isinstance(value, dict):
        hints = get_type_hints(hint)
        yield from (f"{path}.{field}: not in the page" for field in value.keys() - hints.keys())
        yield from (f"{path}.{field}: missing" for field in hint.__required_keys__ - value.keys())
        for name in hints.keys() & value.keys():
            seen.add(f"{hint.__name__}.{name}")
            yield from mismatches(value[name], hints[name], f"{path}.{name}", seen)
    elif get_origin(hint) in (list, dict) and isinstance(value, get_origin(hint)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from mismatches(item, get_args(hint)[-1], path, seen)
    elif get_origin(hint) in (Union, UnionType):
        kinds = [[*mismatches(value, kind, path, seen)] for kind in get_args(hint)]
        yield from () if [] in kinds else kinds[0]
    elif hint is not Any and not (isinstance(hint, type) and type(value) is hint):
        yield f"{path}: {value!r:.60} is not {hint}"
