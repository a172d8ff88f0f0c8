"""Condition keys of one request: which have a value, which are absent, which are not known.

Pure. An absent key and an unknown fact are different answers: a positive operator on an absent key
is false, on an unknown one it is unknown. Unless the step's context says otherwise:

- ``aws:PrincipalArn``, ``PrincipalAccount``, ``PrincipalType``, ``userid``, ``username``: of the
  caller (``userid`` is unknown without its unique id); absent in a web identity call, which is
  unsigned
- ``<issuer>:aud``, ``:sub``, ``:amr``: of the token; absent in every other call. So is any other
  key with that spelling: a typo in the issuer
- ``sts:RoleSessionName``, ``sts:ExternalId``: of the step; every other ``sts:`` key is absent
- ``aws:CurrentTime``, ``aws:EpochTime``: of ``now``, else unknown
- ``aws:ResourceAccount``: of the resource, else unknown
- ``aws:SecureTransport``: true for STS and IAM, which serve HTTPS only, else unknown
- ``aws:ViaAWSService``, ``aws:PrincipalIsAWSService``: the caller itself makes the call
- tags, source identity, ``aws:CalledVia…``, ``aws:SourceArn``, ``SourceAccount``, ``SourceOrg…``:
  absent, because a request carries them only when somebody put them there
- any other ``aws:`` key: unknown, because AWS sets it to something that the scenario does not say
- keys of the action's own service: absent when the step lists a ``context``, else unknown
- keys of other services: absent

https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_condition-keys.html
"""

from collections.abc import Mapping
from datetime import UTC, datetime

from irsa.patterns import Fact, Value
from irsa.principals import Caller

_NEVER_UNASKED = (
    "aws:principaltag/", "aws:requesttag/", "aws:tagkeys", "aws:sourceidentity", "aws:calledvia",
    "aws:sourcearn", "aws:sourceaccount", "aws:sourceorg", "aws:principalservicename",
)  # fmt: skip
_NO_PRINCIPAL = (
    "aws:principal", "aws:userid", "aws:username", "aws:federatedprovider", "aws:tokenissuetime",
    "aws:multifactorauth", "aws:assumedroot",
)  # fmt: skip
_TYPES = {
    "session": "AssumedRole",
    "user": "User",
    "root": "Account",
    "federated-user": "FederatedUser",
}
_LATEST = 253402300799


class Request:
    """One call: who, what, on what, and the condition keys it carries."""

    __slots__ = ("_keys", "_listed", "_service", "action", "caller", "resource")

    def __init__(
        self,
        action: str,
        resource: str,
        caller: Caller | None,
        keys: Mapping[str, Value],
        *,
        context: Mapping[str, Value] | None = None,
        now: float | None = None,
    ) -> None:
        """``keys`` (lower case) are facts of the call, ``context`` what the user says of it.

        ``caller`` is None when it is not known; ``now`` is in seconds since the epoch.
        """
        self.action = action
        self.resource = resource
        self.caller = caller
        self._service = action.partition(":")[0].lower() + ":"
        self._listed = context is not None
        merged = dict(keys)
        if now is not None:
            merged["aws:epochtime"] = f"{now:.0f}"
        if context:
            merged.update(context)
        self._keys = merged

    def value(self, key: str) -> Value:
        """The value of a condition key, given in lower case."""
        found = self._keys.get(key)
        if found is None:
            found = self._keys[key] = self._derived(key)
        return found

    def _derived(self, key: str) -> Value:
        if not key.startswith("aws:"):
            own = key.startswith(self._service) and self._service not in ("sts:", "iam:")
            return Fact.UNKNOWN if own and not self._listed else Fact.ABSENT
        if key == "aws:currenttime":
            return _iso(self._keys.get("aws:epochtime", Fact.UNKNOWN))
        if key == "aws:securetransport":
            return "true" if self._service in ("sts:", "iam:") else Fact.UNKNOWN
        if key == "aws:viaawsservice":
            return "false"
        if key.startswith(_NEVER_UNASKED):
            return Fact.ABSENT
        return _of_caller(key, self.caller)


def _of_caller(key: str, caller: Caller | None) -> Value:
    if caller is None:
        return Fact.UNKNOWN
    if caller.kind == "web-identity":
        # The call is unsigned: nobody's credentials are in it.
        return Fact.ABSENT if key.startswith(_NO_PRINCIPAL) else Fact.UNKNOWN
    if key == "aws:principalisawsservice":
        return "true" if caller.kind == "service" else "false"
    if caller.kind == "service":
        return Fact.UNKNOWN
    if key == "aws:principalarn":
        return caller.principal_arn
    if key == "aws:principalaccount":
        return caller.account
    if key == "aws:principaltype":
        return _TYPES[caller.kind]
    if key == "aws:username":
        return caller.arn.rpartition("/")[2] if caller.kind == "user" else Fact.ABSENT
    if key == "aws:userid":
        return _user_id(caller)
    return Fact.UNKNOWN


def _user_id(caller: Caller) -> Value:
    """https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_variables.html"""
    if caller.kind == "root":
        return caller.account
    if caller.kind == "federated-user":
        return f"{caller.account}:{caller.arn.rpartition('/')[2]}"
    if caller.unique_id is None:
        return Fact.UNKNOWN
    if caller.kind == "user" or ":" in caller.unique_id:
        return caller.unique_id
    if caller.session_name is None:
        return Fact.UNKNOWN
    return f"{caller.unique_id}:{caller.session_name}"


def _iso(epoch: Value) -> Value:
    if not isinstance(epoch, str) or not epoch.lstrip("-").isdigit() or abs(int(epoch)) > _LATEST:
        return Fact.UNKNOWN
    return datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
