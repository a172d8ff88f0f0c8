"""The tests notice when the code that keeps others out is broken.

Each case breaks a copy of the components in one place and runs the tests that guard it.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]


class Mutation(NamedTuple):
    """One broken line, and the tests that must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str


POLICIES = "components/policies.py"
ROLE = "components/service_account_role.py"
WORKLOAD = "components/workload.py"
SUBJECT = (
    '        Condition(operator, f"{issuer}:sub", subjects[0] if len(subjects) == 1 else subjects),'
)
OPERATORS = '(("StringEquals", exact), ("StringLike", patterns))'

MUTATIONS = [
    Mutation(
        "subject-dropped",
        POLICIES,
        'Condition(operator, f"{issuer}:sub", subjects[0] if len(subjects) == 1 else subjects),',
        "",
        "tests/unit/test_policies.py",
    ),
    Mutation(
        "audience-dropped",
        POLICIES,
        'Condition("StringEquals", f"{issuer}:aud", audience),',
        "",
        "tests/unit/test_policies.py",
    ),
    Mutation(
        "audience-by-pattern",
        POLICIES,
        'Condition("StringEquals", f"{issuer}:aud", audience)',
        'Condition("StringLike", f"{issuer}:aud", audience)',
        "tests/unit/test_policies.py",
    ),
    Mutation(
        "operators-swapped",
        POLICIES,
        OPERATORS,
        '(("StringLike", exact), ("StringEquals", patterns))',
        "tests/unit/test_policies.py",
    ),
    Mutation(
        "statements-merged",
        POLICIES,
        OPERATORS,
        '(("StringLike", exact | patterns),)',
        "tests/unit/test_policies.py",
    ),
    Mutation(
        "quota-unchecked",
        POLICIES,
        "if size(document) > quota:",
        "if size(document) > quota and not document:",
        "tests/unit/test_policies.py",
    ),
    Mutation(
        "whole-namespace-unchecked",
        "components/naming.py",
        "if found.whole_namespace and not allow_whole_namespace:",
        "if found.whole_namespace and allow_whole_namespace is None:",
        "tests/unit/test_naming.py",
    ),
    Mutation(
        "tls-only-inverted",
        POLICIES,
        '"aws:SecureTransport", "false"',
        '"aws:SecureTransport", "true"',
        "tests/unit/test_policies.py",
    ),
    Mutation(
        "unique-id-dropped",
        POLICIES,
        '"Sid": f"AssumeFrom{role.unique_id}",',
        "",
        "tests/unit/test_cross_account_policies.py",
    ),
    Mutation(
        "external-id-dropped",
        POLICIES,
        "    if external_id is None:\n",
        "    if external_id:\n",
        "tests/unit/test_cross_account_policies.py",
    ),
    Mutation(
        "attachment-dropped",
        ROLE,
        "in args.policy_arns.items()",
        "in {}.items()",
        "tests/components/test_service_account_role.py",
    ),
    Mutation(
        "arn-without-waiting-for-attachments",
        ROLE,
        "Output.all(role.arn, *[attached.id for attached in attachments])",
        "Output.all(role.arn)",
        "tests/components/test_service_account_role.py",
    ),
    Mutation(
        "pods-before-the-annotation",
        WORKLOAD,
        "service_account_name=self.service_account_name,",
        "service_account_name=args.service_account_name,",
        "tests/components/test_workload.py",
    ),
    Mutation(
        "key-in-plain-text",
        "components/access_key_user.py",
        "Output.secret(key.secret)",
        "key.secret",
        "tests/components/test_access_key_user.py",
    ),
    Mutation(
        "account-b-unchecked",
        "components/account_a.py",
        "        if workload.name not in known:\n",
        "        if workload.name in known:\n",
        "tests/programs/test_account_b.py",
    ),
]


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_broken_code_fails_its_tests(mutation: Mutation, tmp_path: Path) -> None:
    for folder in ("components", "account_b", "tests/unit", "tests/components", "tests/programs"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for file in ("tests/engine.py", "__main__.py", "Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(ROOT / file, tmp_path / file)
    code = (ROOT / mutation.file).read_text()
    assert code.count(mutation.old) == 1, f"{mutation.file} no longer has {mutation.old!r} once"
    (tmp_path / mutation.file).write_text(code.replace(mutation.old, mutation.new))

    options = ["-q", "-x", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir=."]
    run = subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-c", "/dev/null", mutation.tests],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
