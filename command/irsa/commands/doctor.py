"""``python -m irsa doctor "<error text>"``: the causes of an error, and a check for each."""

import argparse
import re
import shlex
from collections.abc import Callable
from dataclasses import asdict
from functools import partial

from irsa import PROGRAM
from irsa.commands import cli
from irsa.commands.known_errors import KNOWN_ERRORS, Cause, KnownError, diagnose, plain
from irsa.observe.files import read_text
from irsa.printable import line
from irsa_core.identity.errors import Denial, read_denial

Check = Callable[[Cause], str]

_LABEL = r"[a-z0-9][a-z0-9.-]{0,252}"
_ARN = r"arn:[\w-]{1,20}"
_IAM = r"[\w+=,.@-]{0,63}[\w+=@-]"
# Each group is named after the placeholder that it replaces; the first pattern that fits counts.
_NAMES = (
    rf"system:serviceaccount:(?P<NAMESPACE>{_LABEL}):(?P<NAME>{_LABEL})",
    rf"service ?account (?P<NAMESPACE>{_LABEL})/(?P<NAME>{_LABEL})",
    rf"service ?account \"?(?P<NAME>{_LABEL})\"? \(namespace: (?P<NAMESPACE>{_LABEL})\)",
    # Neither a node's session nor a person's is that of a Pod's role.
    rf"(?P<START>{_ARN}):sts::(?P<ACCOUNT>\d{{12}}):assumed-role/(?P<ROLE>(?!AWSRes){_IAM})/(?!i-)",
    rf"(?P<ARN>{_ARN}:iam::\d{{12}}:role/(?:{_IAM}/){{0,9}}(?P<ROLE>{_IAM}))",
    rf"(?:{_ARN}:s3:::|\bs3[an]?://)(?P<BUCKET>[a-z0-9][a-z0-9.-]{{2,62}})",
    r"(?::cluster/|cluster-name\" ?: ?\"|No cluster found for name: )(?P<CLUSTER>\w[\w-]{0,99})",
)
_AUTHORIZATION = re.compile(r"(?i)authorization[ -](?:details/|id:? )([\w-]{8,128})")
# ListBucket is what --bucket asks; the others come before the role's own policies.
_NOT_ASKED = re.compile(r"(?i:s3:listbucket$|sts:|ecr:|eks-auth:)")


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the command's options."""
    command.add_argument(
        "text",
        nargs="+",
        metavar="ERROR",
        help="the message, or a name of docs/troubleshooting.md; - is standard input",
    )


def run(options: argparse.Namespace) -> int:
    """Run the command; its exit code."""
    text = " ".join(options.text)
    if text == "-":
        text = read_text("-")
        if not text.strip():
            raise cli.Stop("ERROR -: standard input is empty; give the message")
    errors = diagnose(text)
    flat = plain(text)
    denial = read_denial(flat)
    placeholders = _names(flat)
    asking = _verify(placeholders, denial)
    check = partial(_check, found=placeholders, asking=asking)
    calls = _authorization_calls(flat)
    if options.output == "json":
        listed = [_as_json(error, denial, check) for error in errors]
        print(cli.json_text(errors=listed, verify=asking, calls=calls))
    elif errors:
        said = [f"AWS says: {line(denial.reason)}"] if denial and denial.reason else []
        explain = [f"AWS explains it: {line('; '.join(calls))}"] if calls else []
        parts = [_as_text(error, check) for error in errors]
        print("\n\n".join([*said, *explain, *parts, f"verify: {line(asking)}"]))
    else:
        print(f"not among the {len(KNOWN_ERRORS)} known errors; `{PROGRAM} verify` checks the "
              "whole chain")  # fmt: skip
    return cli.HOLDS if errors else cli.UNDECIDED


def _as_text(error: KnownError, check_of: Check) -> str:
    lines = [error.error, f"  {error.meaning}"]
    for number, cause in enumerate(error.causes, start=1):
        link = f"link {cause.link!r}"
        check = f"{check_of(cause)}  ({link})" if cause.link else check_of(cause)
        check = line(check) if cause.check else f"{link} of verify"
        lines += [f"  {number}. {cause.cause}", f"     check: {check}"]
    return "\n".join(lines)


def _check(cause: Cause, found: dict[str, str], asking: str) -> str:
    """The check, with the program's name and the text's names."""
    return _fill(re.sub("^irsa ", f"{PROGRAM} ", cause.check), found) or asking


def _as_json(error: KnownError, denial: Denial | None, check_of: Check) -> dict[str, object]:
    return {
        "key": error.key,
        "error": error.error,
        "meaning": error.meaning,
        "denial": denial and _denial_as_json(denial),
        "causes": [
            {"id": e.id, "cause": e.cause, "check": check_of(e)}
            | {"link": e.link or None, "source": e.source or None}
            for e in error.causes
        ],
    }


def _denial_as_json(denial: Denial) -> dict[str, str | None]:
    """The refusal as the text describes it; null for everything that it does not name."""
    policy_type = denial.policy_type and denial.policy_type.value
    texts = {key: value or None for key, value in asdict(denial).items()}
    return {**texts, "refusal": denial.refusal.value, "policy_type": policy_type}


def _names(flat: str) -> dict[str, str]:
    """Return the names in a text by their placeholder, such as ROLE."""
    matches = [re.search(pattern, flat) for pattern in reversed(_NAMES)]
    return {key: value for match in matches if match for key, value in match.groupdict().items()}


def _fill(command: str, found: dict[str, str]) -> str:
    """Return a command with the names in place of its placeholders."""
    return re.sub(r"\b[A-Z]{4,}\b", lambda word: found.get(word[0], word[0]), command)


def _verify(placeholders: dict[str, str], denial: Denial | None) -> str:
    """Return the `verify` command that asks what the text names."""
    words = [_fill(f"{PROGRAM} verify NAMESPACE/NAME", placeholders)]
    said = denial or Denial("")
    action, resource = said.action, said.resource
    assumed = _fill("START:iam::ACCOUNT:role/ROLE", placeholders)
    role = assumed if "START" in placeholders else placeholders.get("ARN", "")
    itself = role == resource and "START" in placeholders
    if role and (itself or role != resource):
        words.append(f"--role-arn {role}")
    if ":role/" in resource and not itself and action.lower().startswith("sts:"):
        words.append(f"--role-b {shlex.quote(resource)}")
    elif action and not _NOT_ASKED.match(action):
        resource = resource if resource.startswith("arn:") else "*"
        words.append(f"--action {shlex.quote(action)} --resource {shlex.quote(resource)}")
    elif "BUCKET" in placeholders:
        words.append(f"--bucket {placeholders['BUCKET']}")
    return " ".join(words)


def _authorization_calls(flat: str) -> list[str]:
    """Return the calls with which AWS explains a denial that has an authorization id."""
    start = "aws iam-toolbox get-request-authorization-"
    calls = (f"{start}details", f"{start}policy --policy-uri URI-OF-THE-FIRST-ANSWER")
    ids = _AUTHORIZATION.findall(flat)[:1]
    return [f"{call} --authorization-id {each}" for each in ids for call in calls]
