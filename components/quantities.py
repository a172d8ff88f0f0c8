"""CPU and memory as Kubernetes spells them. Pure.

https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/ has the grammar,
https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/ the units.
"""

import re
from fractions import Fraction

_CPU = re.compile(r"(?P<milli>[0-9]+)m|(?P<whole>[0-9]+(\.[0-9]{1,3})?)")
_MEMORY = re.compile(r"(?P<number>[0-9]+(\.[0-9]+)?)(?P<unit>[kMGTPE]|[KMGTPE]i|)")
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4, "P": 5, "E": 6}
_LEAST = 1024**2
"""Bytes; no container starts with less, and a number without a unit means bytes."""


def check_cpu(quantity: str) -> str:
    """Return the amount of CPU (``500m``, ``0.5``, ``2``), or raise ValueError.

    Less than a thousandth and nothing at all are refused, which Kubernetes rounds or takes as none.
    """
    match = _CPU.fullmatch(quantity)
    if match is None or not Fraction(match["milli"] or match["whole"]):
        raise ValueError(
            f"cpu {quantity!r} is not an amount of CPU for Kubernetes; "
            "write thousandths, such as '500m', or cores, such as '0.5' or '2'"
        )
    return quantity


def check_memory(quantity: str) -> str:
    """Return the amount of memory (``128Mi``, ``1.5Gi``, ``128M``), or raise ValueError.

    Less than a mebibyte is refused: it is a unit that was left out, or ``m``, a thousandth.
    """
    match = _MEMORY.fullmatch(quantity)
    if match is None or Fraction(match["number"]) * _factor(match["unit"]) < _LEAST:
        number = re.match("[1-9][0-9]*", quantity)
        meant = f"{number[0]}Mi" if number else "128Mi"
        raise ValueError(
            f"memory {quantity!r} is not an amount of memory for Kubernetes; "
            f"write a number and a unit, such as {meant!r} or '1Gi'"
        )
    return quantity


def _factor(unit: str) -> int:
    power = _POWERS[unit[0].upper()] if unit else 0
    return (1024 if unit.endswith("i") else 1000) ** power
