"""Access entries name roles and users; a session counts as its role, whatever the role's path."""

import pytest

from irsa_sandbox.kubernetes.authenticator import principal

ROLE = "arn:aws:iam::111122223333:role/admin"


@pytest.mark.parametrize(
    ("arn", "spelt"),
    [
        (ROLE, ROLE),
        ("arn:aws:iam::111122223333:role/team/eks/admin", ROLE),
        ("arn:aws:sts::111122223333:assumed-role/admin/session", ROLE),
        (
            "arn:aws-cn:sts::111122223333:assumed-role/admin/session",
            "arn:aws-cn:iam::111122223333:role/admin",
        ),
        ("arn:aws:iam::111122223333:user/team/ann", "arn:aws:iam::111122223333:user/ann"),
        ("arn:aws:iam::111122223333:root", "arn:aws:iam::111122223333:root"),
    ],
)
def test_a_principal_has_one_spelling(arn, spelt):
    assert principal(arn) == spelt
