"""Type checkers find a mistake in arguments at its line, and none in what is right."""

import json
import sys
from pathlib import Path

import pytest

from tests.support.paths import ROOT
from tests.support.processes import ran

PROGRAM = """
import irsa_components as irsa

account = irsa.ServiceAccount(namespace="dev", name="app")
role_args = irsa.ServiceAccountRoleArgs(
    provider_arns=["arn"], service_accounts=[account], policies={"queue": irsa.allow("sqs:*", "*")}
)
role = irsa.ServiceAccountRole("app", role_args)
right = irsa.WorkloadIdentityArgs(service_account=account, role=role)
bucket = irsa.DataBucket("app", irsa.DataBucketArgs())
document = {"read": bucket.read(prefix="app/")}

irsa.WorkloadIdentityArgs(service_account=account, rol=role)  # wrong
irsa.WorkloadIdentityArgs(service_account=account, role="arn")  # wrong
irsa.WorkloadIdentityArgs(service_account=account, role=role.role_arn)  # wrong
irsa.WorkloadIdentityArgs(role=role)  # wrong
irsa.DataBucketArgs(force_destroy="false")  # wrong
irsa.ServiceAccuont(namespace="dev", name="app")  # wrong
bucket.raed()  # wrong
"""
WRONG = [n for n, line in enumerate(PROGRAM.splitlines(), 1) if line.endswith("# wrong")]


def basedpyright(folder: Path) -> set[int]:
    settings = {
        "include": ["program.py"],
        "extraPaths": [str(ROOT / "components"), str(ROOT / "core")],
        "pythonVersion": "3.11",
        "typeCheckingMode": "standard",
    }
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    command = [str(Path(sys.executable).with_name("basedpyright")), "--outputjson", "-p", "."]
    report = json.loads(ran(*command, "--pythonpath", sys.executable, cwd=folder).stdout)
    errors = [problem for problem in report["generalDiagnostics"] if problem["severity"] == "error"]
    return {error["range"]["start"]["line"] + 1 for error in errors}


def mypy(folder: Path) -> set[int]:
    # Pulumi's providers take minutes, and have no part in it.
    skipped = "".join(
        f"[mypy-{module}.*]\nfollow_imports = skip\nignore_errors = True\n"
        for module in ("pulumi_aws", "pulumi_eks", "pulumi_kubernetes", "irsa_core")
    )
    settings = f"[mypy]\nmypy_path = {ROOT / 'components'}:{ROOT / 'core'}\n{skipped}"
    (folder / "mypy.ini").write_text(settings)
    command = [sys.executable, "-m", "mypy", "--no-incremental", "program.py"]
    printed = ran(*command, cwd=folder).stdout
    errors = [line for line in printed.splitlines() if line.startswith("program.py:")]
    return {int(line.split(":")[1]) for line in errors if " error: " in line}


@pytest.mark.parametrize("checker", [basedpyright, mypy])
def test_a_checker_finds_each_mistake_and_no_other(checker, tmp_path):
    (tmp_path / "program.py").write_text(PROGRAM)
    assert sorted(checker(tmp_path)) == WRONG
