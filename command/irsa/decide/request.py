"""One request: who, what, on what, and the condition keys that it carries.

Pure. A key that is not given has the value that `irsa.decide.condition_keys` says.
"""

from collections.abc import Mapping

from irsa.decide.condition_keys import Call, value_of
from irsa.decide.patterns import Value
from irsa.decide.principals import Caller


class Request:
    """One call: who, what, on what, and the condition keys it carries."""

    __slots__ = ("_keys", "_listed", "action", "caller", "resource")

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
        merged = dict(keys)
        if now is not None:
            merged["aws:epochtime"] = f"{now:.0f}"
        if context:
            merged.update(context)
        if caller is not None:
            # A tag of the session wins over one of its role.
            merged |= {f"aws:principaltag/{name}": v for name, v in caller.session_tags.items()}
        self._keys = merged
        self._listed = context is not None

    def value(self, key: str) -> Value:
        """The value of a condition key, given in lower case."""
        value = self._keys.get(key)
        if value is None:
            call = Call(self.action.lower(), self.caller, self._listed, self._keys)
            value = self._keys[key] = value_of(key, call)
        return value
