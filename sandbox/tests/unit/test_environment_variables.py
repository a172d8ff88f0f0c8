"""The caller's variables that get through, over the whole table."""

import os
from dataclasses import replace

import pytest

from irsa_sandbox import environment_variables as variables
from tests.support.fake_sandbox import STATE
from tests.support.foreign_variables import table

LOOPBACK = "127.0.0.1,localhost"
OURS = {
    *("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_REGION", "AWS_DEFAULT_REGION"),
    *("AWS_CA_BUNDLE", "AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE", "KUBECONFIG"),
    *("PULUMI_BACKEND_URL", "PULUMI_CONFIG_PASSPHRASE", "PULUMI_DEBUG_PROVIDERS", "PULUMI_HOME"),
    "PULUMI_DIY_BACKEND_DISABLE_CHECKPOINT_BACKUPS",
    *("PULUMI_ENABLE_LEGACY_PLUGIN_SEARCH", "PULUMI_SKIP_UPDATE_CHECK"),
}
SHARED = ("http_", "all", "SSL", "REQUESTS", "CURL", "GO", "ETCD", "SERVICES", "AUTH", "LOG")
"""The caller's variables that a command of his sees still, by how they begin: of other things."""


@pytest.fixture
def theirs(tmp_path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), **table(tmp_path)}


def test_nothing_of_the_callers_accounts_and_clusters_is_left(theirs):
    """Nor in a shell: tests/sandbox/test_foreign_variables.py."""
    theirs["NO_PROXY"] = "amazonaws.com"
    seen = dict(theirs)
    variables.clean(seen)
    seen |= STATE.environment()
    assert {name for name in seen if name.startswith(variables.FAMILIES)} == OURS
    for name in seen.keys() & theirs.keys() - {"PATH", "HOME"}:
        ours = name in OURS | {"HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"}
        assert ours or name.startswith((*SHARED, *(s.upper() for s in SHARED)))
        assert (seen[name] != theirs[name]) is ours
    assert seen["AWS_CONFIG_FILE"] == seen["AWS_SHARED_CREDENTIALS_FILE"] == os.devnull
    assert seen["https_proxy"] == seen["HTTPS_PROXY"] == STATE.aws_proxy
    assert seen["NO_PROXY"] == seen["no_proxy"] == LOOPBACK


def test_the_engine_attaches_to_providers_that_have_no_plugin():
    some = replace(STATE, providers={"aws": 3, "eks": 4}, plugins=["kubernetes"])
    assert some.environment()["PULUMI_DEBUG_PROVIDERS"] == "aws:3,eks:4"
    none = replace(STATE, providers={}, plugins=["aws", "eks", "kubernetes"])
    assert "PULUMI_DEBUG_PROVIDERS" not in none.environment(), "the engine refuses an empty list"


def test_the_sandboxs_own_processes_see_none_of_it(theirs):
    language = {"LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}
    assert variables.background({**theirs, **language}) == {
        **{name: theirs[name] for name in ("PATH", "HOME")},
        **language,
        **variables.NO_AWS_FILES,
        **variables.no_proxy({}),
    }


@pytest.mark.cases(("given", "lower", "upper"), {
    "no variable": ({}, LOOPBACK, LOOPBACK),
    "lower case": ({"no_proxy": "a"}, f"a,{LOOPBACK}", f"a,{LOOPBACK}"),
    "both cases": ({"no_proxy": "a", "NO_PROXY": "b, c"}, f"a,{LOOPBACK}", f"b,c,{LOOPBACK}"),
    "loopback already": ({"NO_PROXY": "localhost,127.0.0.1"}, "localhost,127.0.0.1",
        "localhost,127.0.0.1"),
    "all hosts": ({"no_proxy": "*"}, "*", "*"),
})  # fmt: skip
def test_loopback_is_added_to_no_proxy_once(given, lower, upper):
    once = variables.no_proxy(given)
    assert once == {"no_proxy": lower, "NO_PROXY": upper}
    assert variables.no_proxy(once) == once
    environ = {"PATH": "/bin"}
    assert (variables.clean(environ), environ) == ({}, {"PATH": "/bin"}), "none without a proxy"


def test_go_builds_for_this_machine_from_the_callers_module_proxy(theirs):
    environment = {**theirs, "GOPROXY": "https://proxy.example", "GOPRIVATE": "corp"}
    seen = variables.go_build_environment(environment)
    assert {name: value for name, value in seen.items() if "GO" in name} == {
        "GOPROXY": "https://proxy.example",
        "GOPRIVATE": "corp",
        "CGO_ENABLED": "0",
        "GOWORK": "off",
        "GOFLAGS": "-trimpath",
    }
    assert seen["https_proxy"] == theirs["https_proxy"]


def test_a_variable_that_has_its_value_is_not_written_again(monkeypatch):
    """On another thread, C code may read the variables meanwhile."""
    monkeypatch.setenv("SAME", "1")
    monkeypatch.delenv("NEW", raising=False)
    written: list[str] = []
    monkeypatch.setattr(os, "putenv", lambda name, _: written.append(os.fsdecode(name)))
    with variables.exported(SAME="1", NEW="2"):
        assert os.environ["NEW"] == "2"
    assert written == ["NEW"]
    assert (os.environ["SAME"], "NEW" in os.environ) == ("1", False), os.environ
