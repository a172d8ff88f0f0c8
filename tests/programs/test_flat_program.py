"""The two programs that benches compare register the same resources, but for the components."""

from tests.support.engine import Engine, run_program
from tests.support.world import ACCOUNT_A

NAMES = ["w000", "w001"]


def resources(program: str) -> dict[tuple[str, str], dict]:
    """Return the inputs of everything but components and the stack, by type and name."""
    config = {f"{program}:accountId": ACCOUNT_A, f"{program}:workloads": NAMES}
    engine: Engine = run_program(config, folder=f"benches/{program}")
    return {
        (resource.typ, resource.name): dict(resource.inputs)
        for resource in engine.registered
        if not resource.typ.startswith(("irsa:index:", "pulumi:pulumi:"))
    }


def test_the_flat_program_registers_the_resources_of_the_components():
    ours = resources("components")

    assert resources("flat") == ours
    assert len(ours) > 20
