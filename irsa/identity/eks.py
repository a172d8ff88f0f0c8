"""What EKS's pod identity webhook and the SDKs agree on. Pure."""

import re

# https://docs.aws.amazon.com/eks/latest/userguide/pod-configuration.html
_BLOCKS_INJECTION = "the pod identity webhook leaves a container alone that sets it by hand"


_BEATS_THE_ROLE = "static credentials win over the role in every SDK"


_CHANGES_IDENTITY = "a profile changes whom the pod is"


_RESERVED_ENV = {
    "AWS_ROLE_ARN": _BLOCKS_INJECTION,
    "AWS_WEB_IDENTITY_TOKEN_FILE": _BLOCKS_INJECTION,
    "AWS_ACCESS_KEY_ID": _BEATS_THE_ROLE,
    "AWS_SECRET_ACCESS_KEY": _BEATS_THE_ROLE,
    "AWS_SESSION_TOKEN": _BEATS_THE_ROLE,
    "AWS_CONFIG_FILE": _CHANGES_IDENTITY,
    "AWS_DEFAULT_PROFILE": _CHANGES_IDENTITY,
    "AWS_PROFILE": _CHANGES_IDENTITY,
    "AWS_SHARED_CREDENTIALS_FILE": _CHANGES_IDENTITY,
}


_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def check_env_name(name: str) -> str:
    """Return the name of an environment variable that a workload may set, or raise ValueError."""
    if name in _RESERVED_ENV:
        raise ValueError(
            f"environment variable {name!r} is reserved: {_RESERVED_ENV[name]}; remove it"
        )
    if not _ENV_NAME.fullmatch(name):
        raise ValueError(
            f"environment variable {name!r} may have letters, digits and '_' only, "
            "and does not begin with a digit"
        )
    return name
