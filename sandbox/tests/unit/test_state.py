"""Environment of the engine for attached providers."""

from dataclasses import replace

from tests.support.fake_sandbox import STATE


def test_the_engine_attaches_to_the_sandboxs_providers():
    assert STATE.environment()["PULUMI_DEBUG_PROVIDERS"] == "aws:3,eks:4,kubernetes:5"


def test_the_engine_starts_the_plugins_of_the_others_by_itself():
    some = replace(STATE, providers={"aws": 3}, plugins=["eks", "kubernetes"])
    none = replace(STATE, providers={}, plugins=["aws", "eks", "kubernetes"])

    assert some.environment()["PULUMI_DEBUG_PROVIDERS"] == "aws:3"
    assert "PULUMI_DEBUG_PROVIDERS" not in none.environment(), "the engine refuses an empty list"
