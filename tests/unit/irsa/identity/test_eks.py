"""The environment variables that decide about credentials."""

import pytest

from irsa.identity.eks import check_env_name
from tests.support.refusal import refusal


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("AWS_ROLE_ARN", "the pod identity webhook skips a container"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "the pod identity webhook skips a container"),
        ("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "SDKs ask ECS's address"),
        ("AWS_ACCESS_KEY_ID", "static credentials win"),
        ("AWS_SECRET_ACCESS_KEY", "static credentials win"),
        ("AWS_SESSION_TOKEN", "static credentials win"),
        ("AWS_PROFILE", "a profile changes the pod's identity"),
        ("AWS_DEFAULT_PROFILE", "a profile changes the pod's identity"),
        ("AWS_CONFIG_FILE", "a profile changes the pod's identity"),
        ("AWS_SHARED_CREDENTIALS_FILE", "a profile changes the pod's identity"),
    ],
)
def test_variables_that_decide_about_credentials_are_reserved(name, why):
    message = refusal(check_env_name, name)

    assert message.startswith(f"environment variable {name!r} is reserved: {why}")
    assert message.endswith("; remove it")


@pytest.mark.parametrize("name", ["", "1A", "A-B", "A=B", "A B"])
def test_what_no_shell_can_read_is_no_variable(name):
    assert refusal(check_env_name, name).startswith(f"environment variable {name!r} may have")


@pytest.mark.parametrize("name", ["HOME", "AWS_REGION", "AWS_DEFAULT_REGION", "_x9"])
def test_other_variables_are_free(name):
    assert check_env_name(name) == name
