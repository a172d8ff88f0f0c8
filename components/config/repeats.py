"""What may be configured once only. Pure."""

from collections import Counter
from collections.abc import Iterable


def refuse_repeats(what: str, names: Iterable[str], remedy: str) -> None:
    """Raise ValueError for a name that is configured more than once."""
    for name, count in Counter(names).items():
        if count > 1:
            raise ValueError(f"{what} {name!r} is configured {count} times; {remedy}")
