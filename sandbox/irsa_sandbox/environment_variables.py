"""The caller's environment variables that reach the programs of the sandbox.

People have variables of AWS, Pulumi and Kubernetes in their shells. Some would win over the
sandbox's own, others would send its key to the real AWS; none of them is meant for it. So whole
families are taken out rather than single names.
"""

import os
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager

FAMILIES = ("AWS_", "PULUMI_", "KUBERNETES_", "KUBECONFIG")
"""Prefixes of variables with identities, addresses and settings of tools."""

NO_AWS_FILES = {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
"""Keeps SDKs from `~/.aws`, whose profiles can name other endpoints and other roles."""

LOOPBACK = ("127.0.0.1", "localhost")

GO_DOWNLOADS = frozenset(
    {
        *("GOPROXY", "GOPRIVATE", "GONOPROXY", "GOSUMDB", "GONOSUMDB", "GOINSECURE", "GOAUTH"),
        *("GOVCS", "GOENV", "GOPATH", "GOCACHE", "GOMODCACHE", "GOTMPDIR", "GOMAXPROCS"),
    }
)
"""Go's variables for downloads and folders, which do not change a build."""

_BACKGROUND = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "TZ", "LD_LIBRARY_PATH"}
)


def clean(environ: MutableMapping[str, str]) -> dict[str, str]:
    """Take the foreign variables out of a process's environment, and what lies on loopback out of
    its proxies, which stay of use for downloads. Returns the variables that were taken out."""
    taken = {name: environ.pop(name) for name in sorted(environ) if name.startswith(FAMILIES)}
    if any(name.lower().endswith("_proxy") for name in environ):
        environ.update(no_proxy(environ))
    return taken


@contextmanager
def exported(**values: str) -> Iterator[None]:
    """Set variables of this process, for what reads them nowhere else, and set them back.

    One that has its value is left alone: on another thread, C code may read the variables.
    """
    before = {name: os.environ.get(name) for name in values if os.environ.get(name) != values[name]}
    os.environ.update({name: values[name] for name in before})
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def no_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """Both spellings of ``NO_PROXY``, as they are and with loopback.

    Python prefers the lower case, Go the upper one; neither ends up with less than it had.
    """
    lower, upper = environ.get("no_proxy", ""), environ.get("NO_PROXY", "")
    return {"NO_PROXY": _with_loopback(upper or lower), "no_proxy": _with_loopback(lower or upper)}


def _with_loopback(hosts: str) -> str:
    given = [host for host in hosts.replace(" ", "").split(",") if host]
    if "*" in given:
        return "*"  # Python takes it for every host only when it stands alone
    return ",".join([*given, *(host for host in LOOPBACK if host not in given)])


def background(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment of the sandbox's own processes: what Python and the AWS CLI need to run at
    all, and nothing that changes what they do."""
    kept = {
        name: value
        for name, value in environ.items()
        if name in _BACKGROUND or name.startswith("LC_")
    }
    return {**kept, **NO_AWS_FILES, **no_proxy({})}


def go_build_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """The environment to build Go programs for this machine in, with the caller's module proxy."""
    kept = {
        name: value
        for name, value in environ.items()
        if name in GO_DOWNLOADS or not name.startswith(("GO", "CGO_"))
    }
    # GOFLAGS is not left empty: what the caller's `go env -w` says of it would count then.
    return {**kept, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": "-trimpath"}
