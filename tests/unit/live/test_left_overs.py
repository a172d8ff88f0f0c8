"""In which order a run's left-overs are removed, what is waited for, and what is given up."""

import pytest
from botocore.exceptions import ClientError

from tests.live import left_overs
from tests.live.left_overs import CLUSTER, NODES, REST, LeftOver


class Account:
    """Things that AWS refuses to delete some times, with a code each time."""

    def __init__(self, **things):
        self.things = {name: (stage, list(codes)) for name, (stage, codes) in things.items()}
        self.asked: list[str] = []
        self.theirs: set[str] = set()

    def find(self, run):
        return [
            LeftOver(name, name not in self.theirs, lambda name=name: self.delete(name), stage)
            for name, (stage, _) in self.things.items()
        ]

    def delete(self, name):
        self.asked.append(name)
        codes = self.things[name][1]
        if codes:
            # The last one is said for ever.
            code = codes.pop(0) if len(codes) > 1 or codes[0] != "AccessDenied" else codes[0]
            raise ClientError({"Error": {"Code": code, "Message": "no"}}, "Delete")
        del self.things[name]


@pytest.fixture
def removed(monkeypatch):
    def removed_from(account):
        monkeypatch.setattr(left_overs, "find", account.find)
        monkeypatch.setattr(left_overs, "PAUSE", 0.0)
        return left_overs.remove(None)

    return removed_from


def test_nodes_go_before_the_cluster_and_the_cluster_before_its_roles(removed):
    account = Account(role=(REST, []), cluster=(CLUSTER, []), nodes=(NODES, []), user=(REST, []))

    assert removed(account) == []
    assert account.asked == ["nodes", "cluster", "role", "user"]


def test_a_cluster_that_is_still_being_made_or_deleted_is_waited_for(removed):
    busy = ["ResourceInUseException", "InvalidRequestException", "ResourceInUseException"]
    account = Account(cluster=(CLUSTER, busy), role=(REST, ["DeleteConflict"]))

    assert removed(account) == []
    assert account.asked == [*["cluster"] * 4, "role", "role"]


def test_what_is_gone_when_it_is_asked_for_is_no_problem(removed):
    account = Account(role=(REST, ["NoSuchEntity"]))

    assert removed(account) == []


def test_what_may_not_be_deleted_is_said_once_everything_else_is_gone(removed):
    account = Account(role=(REST, ["AccessDenied"]), user=(REST, []), theirs=(REST, []))
    account.theirs = {"theirs"}

    left = removed(account)

    assert [line.partition(":")[0] for line in left] == ["role", "theirs"]
    assert "AccessDenied" in left[0]
    assert "has the run's name, but not its tag" in left[1]
    assert "theirs" not in account.asked


def test_nothing_is_waited_for_longer_than_the_patience(removed, monkeypatch):
    monkeypatch.setattr(left_overs, "PATIENCE", -1.0)
    account = Account(cluster=(CLUSTER, ["ResourceInUseException"] * 9), role=(REST, []))

    left = removed(account)

    assert "ResourceInUseException" in left[0]
    assert left[1] == "role: not tried, as others come first"
