"""The flat program of benches/engine.py makes what account A's does, without components."""

from tests.support.engine import ACCOUNT_A, Engine, run_program

NAMES = ["w000", "w001"]
OURS = {
    "aws:region": "us-east-1",
    "irsa:accountId": ACCOUNT_A,
    "irsa:cluster": {"name": "dev"},
    "irsa:namespaces": [{"name": "bench"}],
    "irsa:workloads": [
        {
            "name": name,
            "namespace": "bench",
            "bucket": {"name": f"bucket-{name}"},
            "container": {"image": "app"},
        }
        for name in NAMES
    ],
}
FLAT = {"flat:accountId": ACCOUNT_A, "flat:workloads": NAMES}


def made(engine: Engine) -> dict[tuple[str, str], dict]:
    """The inputs of everything but components and the stack, by type and name."""
    return {
        (resource.typ, resource.name): dict(resource.inputs)
        for resource in engine.registered
        if not resource.typ.startswith(("irsa:index:", "pulumi:pulumi:"))
    }


def test_the_flat_program_makes_the_same_resources():
    ours = made(run_program(OURS))

    assert made(run_program(FLAT, folder="benches/flat")) == ours
    assert len(ours) > 20
