"""The checks of checks.yaml, and the one way to ask them of systems that are up."""

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from irsa_core.identity.arns import session_arn_prefix
from irsa_core.identity.eks import STS_AUDIENCE, TOKEN_FILE, TOKEN_FILE_VARIABLE

from ..session import Done, claims_of, with_claims

if TYPE_CHECKING:
    from .systems import SandboxSystems

OBJECT_A, CONTENT_A = "reports/2026/november.csv", b"day,visits\n2026-11-01,42\n"
OBJECT_B, CONTENT_B = "ledger/2026-11.csv", b"account,amount\n"
TOKEN = f"sh -c 'cat ${TOKEN_FILE_VARIABLE}'"
PRINT_CLAIMS = (
    'python -c "import json, jwt, sys; print(json.dumps(jwt.decode(sys.stdin.read(), '
    "options={'verify_signature': False}), indent=2, sort_keys=True))\""
)
"""Without `base64`, which complains of a token's missing padding, or drops its end."""

_ERROR = re.compile(r"An error occurred \((\w+)\) when calling the \w+ operation")
_OPTIONAL = {"AWS_STS_REGIONAL_ENDPOINTS"}
# The sandbox's own variables; a real Pod has none of them.
_SANDBOX_LINES = re.compile(r"^AWS_(?:CA_BUNDLE|EC2_METADATA_DISABLED)=.*\n?", re.MULTILINE)


def names_of(
    outputs: Mapping[str, str], other_roles: Mapping[str, str], **more: str
) -> dict[str, str]:
    """Return words of a run: those of account A's outputs, and further ones. Each role, by its ARN,
    has another for its sessions."""
    roles = {name: outputs[f"{name}_arn"] for name in ("role", "role_a", "pattern_role")}
    roles |= other_roles
    sessions = {name.replace("role", "session"): session_arn_prefix(roles[name]) for name in roles}
    objects = {"token_file": TOKEN_FILE, "object_a": OBJECT_A, "object_b": OBJECT_B}
    of_a = {"bucket_a": outputs["bucket"], "issuer": outputs["issuer_url"]}
    return {**objects, **of_a, **roles, **sessions, **more}


@dataclass(frozen=True, kw_only=True)
class SystemCheck:
    """One claim: a question, and the answer that it must have."""

    key: str
    """Stable name, by which the documents quote it."""

    title: str
    question: Mapping[str, Any]
    only: str | None = None
    """The one command that asks it: ``demo`` or ``test-aws``."""

    code: str | None = None
    contains: Sequence[str] = ()
    variables: Sequence[str] = ()

    def ask(self, systems: "SandboxSystems") -> Done:
        """Return the answer."""
        match self.question:
            case {"pod": pod, "command": command}:
                done = systems.in_pod(*account(pod), words(systems, command))
                return Done(done.code, _SANDBOX_LINES.sub("", done.output))
            case {"claims_of": pod}:
                done = systems.in_pod(*account(pod), shlex.split(TOKEN))
                if done.code:
                    return done
                claims = claims_of(done.output.strip())
                return Done(0, json.dumps(claims, indent=2, sort_keys=True))
            case {"token_of": of, "role": role, "command": command, **more}:
                token = systems.token(*account(of), more.get("audience", STS_AUDIENCE))
                if "subject" in more:
                    subject = ":".join(account(more["subject"]))
                    token = with_claims(token, sub=f"system:serviceaccount:{subject}")
                return systems.assume(token, systems.names[role], words(systems, command))
            case {"administrator": command}:
                return systems.as_administrator(words(systems, command))
        return systems.ask(self.question)

    def command(self, systems: "SandboxSystems") -> str:
        """Return the command as a person types it."""
        match self.question:
            case {"pod": pod, "command": command}:
                shown = f"{_exec(pod)} {command}"
            case {"claims_of": pod}:
                return f"{_exec(pod)} {TOKEN} | {PRINT_CLAIMS}"
            case {"agent_token_of": _, "who": who, "command": command}:
                shown = f"{command} <{who}>"
            case {"who": who, "command": command}:
                shown = f"{TOKEN_FILE_VARIABLE}=<{who}> {command}"
            case {"administrator": command}:
                shown = f"python -m irsa_sandbox run -- {command}"
            case _:
                shown = self.question["command"]
        return shown.format_map(systems.names)

    def holds(self, done: Done, systems: "SandboxSystems") -> bool:
        """Return whether the answer is as it must be."""
        error = _ERROR.search(done.output)
        namespace, name = account(self.question.get("claims_of", ""))
        fields = {"namespace": namespace, "name": name, "subject": f"{namespace}:{name}"}
        contained = [template.format_map({**systems.names, **fields}) for template in self.contains]
        named = {line.partition("=")[0] for line in done.output.splitlines()} - _OPTIONAL
        return (
            (done.code == 0) is (self.code is None)
            and self.code == (error and error[1])
            and all(text in done.output for text in contained)
            and (not self.variables or named == {*self.variables})
        )


Part = tuple[str, str, list[SystemCheck]]
"""A title, the stacks that must be up (``systems``, these with an ``external id``, or ``forms``),
and the checks of one form."""


@cache
def parts(asker: str) -> Sequence[Part]:
    """Return the list for ``demo`` or ``test-aws``."""
    found: list[Part] = []
    for part in yaml.safe_load(Path(__file__).with_name("checks.yaml").read_text("utf-8")):
        checks = [_read({"only": part.get("only"), **each}, part) for each in part["checks"]]
        asked = [check for check in checks if check.only in (None, asker)]
        found += [(part["part"], part["stacks"], asked)] if asked else []
    return found


def _read(written: dict[str, Any], part: Mapping[str, Any]) -> SystemCheck:
    names = ("key", "title", "only", "code", "contains", "variables")
    own = {name: written.pop(name) for name in names if name in written}
    in_pod = {"pod": part["pod"]} if written.keys() == {"command"} else {}
    return SystemCheck(**own, question={**in_pod, **written})


def account(text: str) -> tuple[str, str]:
    """Return namespace and name of a service account, or of the workload of that name."""
    namespace, _, name = text.rpartition("/")
    return namespace or "dev", name


def words(systems: "SandboxSystems", command: str) -> list[str]:
    """Return a command's words with those of the run."""
    return shlex.split(command.format_map(systems.names))


def _exec(pod: str) -> str:
    return f"python -m irsa_sandbox exec {'/'.join(account(pod))} --"
