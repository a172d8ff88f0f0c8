"""Damaged JSON, for tests that no shape of a file ends in a traceback."""

import random
from typing import Any

from irsa_core.identity.policy_json import UNKNOWN_OUTPUT


def replace_one_value(document: Any, dice: random.Random) -> None:
    """Replace a value somewhere in a document by one of another type."""
    while True:
        key = dice.choice(list(document) if isinstance(document, dict) else range(len(document)))
        if not document[key] or not isinstance(document[key], dict | list) or dice.random() < 0.15:
            document[key] = dice.choice(
                [None, 1, "", [], {}, [1], {"a": 1}, True, "{", UNKNOWN_OUTPUT]
            )
            return
        document = document[key]
