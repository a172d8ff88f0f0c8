"""The tests notice when the code that keeps others out is broken.

Each case breaks a copy of the components in one place and runs the tests that guard it.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.paths import ROOT


class Mutation(NamedTuple):
    """One broken line, and the tests that must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: str


Outcomes = Mapping[str, Future[subprocess.CompletedProcess[str]]]

POLICIES = "irsa/identity/policies.py"
ROLE = "components/service_account_role.py"
WORKLOAD = "components/workload.py"
BUCKET = "components/data_bucket.py"
OPERATORS = '(("StringEquals", exact), ("StringLike", patterns))'

MUTATIONS = [
    Mutation(
        "subject-dropped",
        POLICIES,
        '(operator, f"{issuer}:sub", subjects[0] if len(subjects) == 1 else subjects),',
        "",
        "tests/unit/irsa/identity/test_policies.py",
    ),
    Mutation(
        "audience-dropped",
        POLICIES,
        '("StringEquals", f"{issuer}:aud", audience),',
        "",
        "tests/unit/irsa/identity/test_policies.py",
    ),
    Mutation(
        "audience-by-pattern",
        POLICIES,
        '("StringEquals", f"{issuer}:aud", audience)',
        '("StringLike", f"{issuer}:aud", audience)',
        "tests/unit/irsa/identity/test_policies.py",
    ),
    Mutation(
        "operators-swapped",
        POLICIES,
        OPERATORS,
        '(("StringLike", exact), ("StringEquals", patterns))',
        "tests/unit/irsa/identity/test_policies.py",
    ),
    Mutation(
        "exact-subjects-as-patterns",
        POLICIES,
        OPERATORS,
        '(("StringLike", exact), ("StringLike", patterns))',
        "tests/unit/irsa/identity/test_policies.py",
    ),
    Mutation(
        "patterns-as-exact-subjects",
        POLICIES,
        OPERATORS,
        '(("StringEquals", exact), ("StringEquals", patterns))',
        "tests/unit/irsa/identity/test_policies.py",
    ),
    Mutation(
        "conditions-of-both-kinds-in-one-statement",
        POLICIES,
        "    if not statements:\n",
        """    for statement in statements[1:]:
        for operator, keys in statement["Condition"].items():
            statements[0]["Condition"].setdefault(operator, {}).update(keys)
        statements.remove(statement)
    if not statements:
""",
        "tests/unit/irsa/identity/test_policies.py",
    ),
    Mutation(
        "statements-merged",
        POLICIES,
        OPERATORS,
        '(("StringLike", exact | patterns),)',
        "tests/unit/irsa/identity/test_policies.py",
    ),
    Mutation(
        "quota-unchecked",
        POLICIES,
        "if size(document) > quota:",
        "if size(document) > quota and not document:",
        "tests/unit/irsa/identity/test_policies.py",
    ),
    Mutation(
        "whole-namespace-unchecked",
        "irsa/identity/subjects.py",
        "if subject.whole_namespace and not allow_whole_namespace:",
        "if subject.whole_namespace and allow_whole_namespace is None:",
        "tests/unit/irsa/identity/test_subjects.py",
    ),
    Mutation(
        "namespace-pattern-unchecked",
        "irsa/identity/subjects.py",
        'if "*" in namespace or "?" in namespace:',
        "if not namespace:",
        "tests/unit/irsa/identity/test_subjects.py",
    ),
    Mutation(
        "reserved-variables-unchecked",
        "irsa/identity/eks.py",
        "if name in _RESERVED_ENV:",
        "if not name:",
        "tests/unit/irsa/identity/test_eks.py",
    ),
    Mutation(
        "public-access-not-blocked",
        BUCKET,
        "block_public_policy=True",
        "block_public_policy=False",
        "tests/components/test_data_bucket.py",
    ),
    Mutation(
        "tls-only-dropped",
        BUCKET,
        "json.dumps(tls_only_bucket_policy(arn))",
        'json.dumps({"Version": "2012-10-17", "Statement": []})',
        "tests/components/test_data_bucket.py",
    ),
    Mutation(
        "tls-only-inverted",
        POLICIES,
        '"aws:SecureTransport", "false"',
        '"aws:SecureTransport", "true"',
        "tests/unit/irsa/identity/test_policies.py",
    ),
    Mutation(
        "unique-id-dropped",
        POLICIES,
        '"Sid": f"AssumeFrom{role.unique_id}",',
        "",
        "tests/unit/irsa/identity/test_cross_account_policies.py",
    ),
    Mutation(
        "external-id-dropped",
        POLICIES,
        "    if external_id is None:\n",
        "    if external_id:\n",
        "tests/unit/irsa/identity/test_cross_account_policies.py",
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
        "after(role.arn, *attachments)",
        "role.arn",
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
        "identity-hash-dropped",
        "components/pod_template.py",
        "labels=labels, annotations={HASH_ANNOTATION: _hash(additions.identity)}",
        "labels=labels",
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
        "components/config/agreement.py",
        "        if workload.name not in known:\n",
        "        if workload.name in known:\n",
        "tests/programs/test_account_b.py",
    ),
]


UNTOUCHED = Mutation("untouched", POLICIES, "", "", " ".join(sorted({m.tests for m in MUTATIONS})))
TESTS = ("unit", "components", "programs", "support")
PARTS = ("components", "irsa", "account_b", *(f"tests/{part}" for part in TESTS))
WORKERS = 2  # a case is a process of its own, and most of its time is imports


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Outcomes]:
    """What the tests of every mutation say, as they come in."""
    with ThreadPoolExecutor(WORKERS) as pool:
        yield {
            mutation.name: pool.submit(outcome, mutation, tmp_path_factory.mktemp("mutation"))
            for mutation in (UNTOUCHED, *MUTATIONS)
        }
        pool.shutdown(cancel_futures=True)


def outcome(mutation: Mutation, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the tests of a mutation on a copy of the tree that has it."""
    for part in (
        "components",
        "irsa",
        "account_b",
        "tests/unit",
        "tests/components",
        "tests/programs",
        "tests/support",
    ):
        shutil.copytree(ROOT / part, folder / part)
    for file in ("tests/support/engine.py", "__main__.py", "Pulumi.yaml", "Pulumi.dev.yaml"):
        shutil.copy(ROOT / file, folder / file)
    code = (ROOT / mutation.file).read_text()
    (folder / mutation.file).write_text(code.replace(mutation.old, mutation.new))
    options = ["-q", "-x", "-p", "no:cacheprovider", "--import-mode=importlib", "--rootdir=."]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, "-c", "/dev/null", *mutation.tests.split()],
        cwd=folder,
        env={
            "PYTHONPATH": str(folder),
            "PYTHONDONTWRITEBYTECODE": "1",
            "CI": "true",  # Hypothesis then has no deadlines
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",  # they take half a second
        },
        capture_output=True,
        text=True,
        check=False,
    )


def test_untouched_code_passes_them_all(outcomes: Outcomes) -> None:
    run = outcomes[UNTOUCHED.name].result()
    assert run.returncode == pytest.ExitCode.OK, run.stdout


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_broken_code_fails_its_tests(mutation: Mutation, outcomes: Outcomes) -> None:
    code = (ROOT / mutation.file).read_text()
    assert code.count(mutation.old) == 1, f"{mutation.file} no longer has {mutation.old!r} once"
    run = outcomes[mutation.name].result()
    assert run.returncode == pytest.ExitCode.TESTS_FAILED, run.stdout
