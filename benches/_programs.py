"""The two programs that engine.py and up.py compare: the components in a loop, and by hand."""

from _measure import ROOT

from sandbox.aws.accounts import ACCOUNT_A
from sandbox.engine.stack import SandboxStack
from sandbox.state import SandboxState


def open_program(
    state: SandboxState, program: str, workloads: int, *, stack: str = "dev"
) -> SandboxStack:
    """Open a stack of ``components`` or ``flat`` with that many workloads."""
    names = [f"w{number:03}" for number in range(workloads)]
    config = {f"{program}:accountId": ACCOUNT_A, f"{program}:workloads": names}
    return SandboxStack(state, ROOT / "benches" / program, stack=stack, config=config)
