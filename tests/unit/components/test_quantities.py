"""Amounts of CPU and memory: what Kubernetes would refuse, or take for next to nothing (F i)."""

import pytest

from components.quantities import check_cpu, check_memory


@pytest.mark.parametrize("quantity", ["1m", "50m", "1500m", "1", "0.5", "2.125", "16"])
def test_an_amount_of_cpu(quantity):
    assert check_cpu(quantity) == quantity


@pytest.mark.parametrize(
    "quantity",
    ["", "0", "0m", "0.0", "-1", "50 m", "50Mi", "0.0001", "1.5m", "half", "1e3", "100n"],
)
def test_what_is_no_amount_of_cpu_is_one_line(quantity):
    with pytest.raises(ValueError, match=r"^cpu") as caught:
        check_cpu(quantity)
    assert str(caught.value) == (
        f"cpu {quantity!r} is not an amount of CPU for Kubernetes; "
        "write thousandths, such as '500m', or cores, such as '0.5' or '2'"
    )


@pytest.mark.parametrize("quantity", ["1Mi", "128Mi", "1.5Gi", "128M", "2000k", "1048576", "1Ei"])
def test_an_amount_of_memory(quantity):
    assert check_memory(quantity) == quantity


@pytest.mark.parametrize(
    ("quantity", "meant"),
    [
        ("128 MB", "128Mi"),
        ("128MB", "128Mi"),
        ("128mi", "128Mi"),
        ("128m", "128Mi"),
        ("128", "128Mi"),
        ("1ki", "1Mi"),
        ("512Ki", "512Mi"),
        ("0Mi", "128Mi"),
        ("-128Mi", "128Mi"),
        ("", "128Mi"),
        ("much", "128Mi"),
    ],
)
def test_what_is_no_amount_of_memory_is_one_line(quantity, meant):
    with pytest.raises(ValueError, match=r"^memory") as caught:
        check_memory(quantity)
    assert str(caught.value) == (
        f"memory {quantity!r} is not an amount of memory for Kubernetes; "
        f"write a number and a unit, such as {meant!r} or '1Gi'"
    )
