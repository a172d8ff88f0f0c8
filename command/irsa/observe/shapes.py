"""Access to JSON of an unchecked shape. Pure: a wrong shape counts as absent."""

from typing import cast

from irsa.identity.policy_json import Json, as_list


def mapping(value: object) -> Json:
    """The value if it is a JSON object; an empty one for anything else."""
    return cast("Json", value) if isinstance(value, dict) else {}


def mappings(value: object) -> list[Json]:
    """The JSON objects of a list, or the one that stands in its place."""
    return [cast("Json", each) for each in as_list(value) if isinstance(each, dict)]
