"""GetAccountAuthorizationDetails as IAM answers it: in pages, and with what MiniStack leaves out.

MiniStack gives all at once, takes any Filter, and does not say a role's boundary and last use.
https://docs.aws.amazon.com/IAM/latest/APIReference/API_GetAccountAuthorizationDetails.html
"""

import re
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any
from xml.etree import ElementTree as ET

from . import errors
from .errors import Response
from .query_protocol import Parameters

ACTION = "GetAccountAuthorizationDetails"
DEFAULT_ITEMS = 100
LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
"""In the order in which IAM goes through them, page by page."""

_KINDS = ("User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy")
_NAMESPACE = "https://iam.amazonaws.com/doc/2010-05-08/"
_MARKER = re.compile(r"[0-9]{1,9}")


def check(parameters: Parameters) -> int:
    """The first item that is asked for; raises `AwsError` for what IAM refuses."""
    kinds = [value for name, value in parameters.items() if name.startswith("Filter.member.")]
    if any(kind not in _KINDS for kind in kinds):
        listed = ", ".join(f"'{kind}'" for kind in kinds)
        known = ", ".join(_KINDS)
        problem = (
            f"Value '[{listed}]' at 'filter' failed to satisfy constraint: Member must satisfy "
            f"constraint: [Member must satisfy enum value set: [{known}]]"
        )
        raise errors.constraints_violated([problem])
    marker = parameters.get("Marker", "0")
    if not _MARKER.fullmatch(marker):
        raise errors.invalid_marker(marker)
    return int(marker)


def page(
    answer: Response,
    parameters: Parameters,
    role: Callable[[str], MutableMapping[str, Any] | None],
) -> Response:
    """One page of MiniStack's answer to a request that was checked."""
    status, headers, body = answer
    if status != 200:
        return answer
    start, most = check(parameters), int(parameters.get("MaxItems", DEFAULT_ITEMS))
    ET.register_namespace("", _NAMESPACE)
    document = ET.fromstring(body)  # noqa: S314 - MiniStack's own answer
    [result] = document.findall(_tag(f"{ACTION}Result"))
    seen = 0
    for name in LISTS:
        [items] = result.findall(_tag(name))
        for item in list(items):
            if not start <= seen < start + most:
                items.remove(item)
            elif name == "RoleDetailList":
                _complete(item, role(item.findtext(_tag("RoleName"), "")) or {})
            seen += 1
    [truncated] = result.findall(_tag("IsTruncated"))
    if start + most < seen:
        truncated.text = "true"
        ET.SubElement(result, _tag("Marker")).text = str(start + most)
    return status, headers, ET.tostring(document)


def _complete(item: ET.Element, role: Mapping[str, Any]) -> None:
    boundary = role.get("PermissionsBoundary")
    if boundary:
        element = ET.SubElement(item, _tag("PermissionsBoundary"))
        for name, text in (
            ("PermissionsBoundaryType", "PermissionsBoundaryPolicy"),
            ("PermissionsBoundaryArn", boundary),
        ):
            ET.SubElement(element, _tag(name)).text = text
    last_used = ET.SubElement(item, _tag("RoleLastUsed"))
    for name, text in role.get("RoleLastUsed", {}).items():
        ET.SubElement(last_used, _tag(name)).text = text


def _tag(name: str) -> str:
    return f"{{{_NAMESPACE}}}{name}"
