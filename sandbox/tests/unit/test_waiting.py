"""Lines for the user while a command waits."""

from irsa_sandbox import waiting
from tests.sandbox.support.cluster import eventually


def test_what_a_context_waits_for_is_told_until_its_end(monkeypatch, capsys):
    monkeypatch.setattr(waiting, "TELL_EVERY", 0.01)
    with waiting.waiting_for(lambda: "the end"):
        assert eventually(lambda: capsys.readouterr().err).startswith("waiting for the end\n")
