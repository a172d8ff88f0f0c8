"""Policy documents and their statements."""

import copy
from typing import Any

FOR_ALL = {"Principal": {"AWS": "*"}}


def document(*statements: dict[str, Any]) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": [copy.deepcopy(each) for each in statements]}


def allow(action: str, resource: str, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str, resource: str, **more: Any) -> dict[str, Any]:
    return allow(action, resource, **more) | {"Effect": "Deny"}


def trust(principal: Any, **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole", **more}


def trusts(*statements: dict[str, Any]) -> dict[str, Any]:
    """A change of a step: another trust policy."""
    return {"trust_policy": document(*statements)}


def grants(*statements: dict[str, Any]) -> dict[str, Any]:
    """A change of a step: another policy of the caller's own."""
    return {"identity_policies": [document(*statements)]}
