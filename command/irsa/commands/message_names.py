"""Names that an error text has, for the commands that `doctor` prints. Pure."""

import re
import shlex

from irsa import PROGRAM
from irsa_core.identity.errors import Denial

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


def names(flat: str) -> dict[str, str]:
    """Return the names in a text by their placeholder, such as ROLE."""
    matches = [re.search(pattern, flat) for pattern in reversed(_NAMES)]
    return {key: value for match in matches if match for key, value in match.groupdict().items()}


def fill(command: str, found: dict[str, str]) -> str:
    """Return a command with the names in place of its placeholders."""
    return re.sub(r"\b[A-Z]{4,}\b", lambda word: found.get(word[0], word[0]), command)


def verify(placeholders: dict[str, str], denial: Denial | None) -> str:
    """Return the `verify` command that asks what the text names."""
    words = [fill(f"{PROGRAM} verify NAMESPACE/NAME", placeholders)]
    said = denial or Denial("")
    action, resource = said.action, said.resource
    assumed = fill("START:iam::ACCOUNT:role/ROLE", placeholders)
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


def authorization_calls(flat: str) -> list[str]:
    """Return the calls with which AWS explains a denial that has an authorization id."""
    start = "aws iam-toolbox get-request-authorization-"
    calls = (f"{start}details", f"{start}policy --policy-uri URI-OF-THE-FIRST-ANSWER")
    ids = _AUTHORIZATION.findall(flat)[:1]
    return [f"{call} --authorization-id {each}" for each in ids for call in calls]
