"""The providers' journal: what a killed run left, and what is nobody's business (M5)."""

import threading

import pytest

from sandbox.providers.journal import Journal, Made
from sandbox.providers.resource import Refused

STACK = "urn:pulumi:dev::irsa"
BUCKET = f"{STACK}::irsa:index:DataBucket$aws:s3/bucket:Bucket::data"
ROLE = f"{STACK}::aws:iam/role:Role::role"
OTHERS = "urn:pulumi:dev::irsa-account-b::aws:iam/role:Role::role"


class TrustContext:
    """Things that exist, a journal of them, and the order in which they went."""

    def __init__(self) -> None:
        self.journal = Journal()
        self.gone: list[str] = []
        self.blocked: dict[str, str] = {}
        """What cannot be removed before something else has been."""

    def make(self, urn: str, resource_id: str) -> None:
        def remove() -> None:
            if self.blocked.get(resource_id, resource_id) not in [*self.gone, resource_id]:
                raise Refused("DeleteConflict")
            self.gone.append(resource_id)

        with self.journal.at_work(urn) as run:
            self.journal.made(Made(urn, resource_id, {}, True, run, remove))

    def killed(self, *made: tuple[str, str], recorded=None, touched: str | None = None) -> None:
        """A run of `sandbox.engine.stack` that ended before the state was saved."""
        with self.journal.run(STACK, recorded or {}, []):
            for urn, resource_id in made:
                self.make(urn, resource_id)
            if touched:
                self.journal.touching(touched)

    def left(self, urn: str, recorded=None, pending=()) -> str | None:
        """What the next run is given for a URN."""
        with self.journal.run(STACK, recorded or {}, pending):
            found = self.journal.left_over(urn)
        return found and found.resource_id


@pytest.fixture
def world():
    return TrustContext()


def test_the_next_run_gets_what_a_killed_one_made(world):
    world.killed((ROLE, "r1"))

    assert world.left(ROLE) == "r1"
    assert world.left(BUCKET) is None


def test_what_the_state_records_is_not_left_over(world):
    world.killed((ROLE, "r1"))

    assert world.left(ROLE, recorded={ROLE: ["r1"]}) is None


def test_a_replacement_is_left_over_beside_what_it_replaces(world):
    world.killed((ROLE, "new"), recorded={ROLE: ["old"]})

    assert world.left(ROLE, recorded={ROLE: ["old"]}) == "new"


def test_nothing_is_handed_out_to_a_plain_pulumi_up(world):
    world.killed((ROLE, "r1"))

    assert world.journal.left_over(ROLE) is None


def test_a_run_is_not_given_what_it_made_itself(world):
    with world.journal.run(STACK, {}, []):
        world.make(ROLE, "r1")

        assert world.journal.left_over(ROLE) is None


def test_what_a_saved_run_made_is_forgotten_even_if_the_state_drops_it_later(world):
    world.killed((BUCKET, "b1"))
    world.journal.saved(STACK, {BUCKET: ["b1"]})

    assert world.left(BUCKET) is None  # retained, or taken out of the state on purpose
    assert world.journal.settle(STACK) == []
    assert world.gone == []


def test_what_a_plain_up_made_is_left_over_only_if_the_state_says_it_was_pending(world):
    world.make(ROLE, "r1")
    world.make(BUCKET, "b1")

    assert world.left(ROLE, pending=[ROLE]) == "r1"
    assert world.left(ROLE) == "r1", "the state has forgotten it by now, and the journal knows"
    assert world.left(BUCKET) is None
    assert world.journal.settle(STACK) == []
    assert world.gone == ["r1"]


def test_other_stacks_are_left_alone(world):
    world.make(OTHERS, "other")
    world.killed((ROLE, "r1"))

    world.journal.settle(STACK)

    assert world.gone == ["r1"]


def test_what_nobody_took_goes_newest_first(world):
    world.killed((ROLE, "r1"), (BUCKET, "b1"))
    world.killed((ROLE, "r2"))

    assert world.journal.settle(STACK) == []
    assert world.gone == ["r2", "b1", "r1"]
    assert world.journal.settle(STACK) == []


def test_what_is_in_the_way_goes_first(world):
    world.killed((ROLE, "r1"), (BUCKET, "b1"))
    world.blocked = {"b1": "r1"}

    assert world.journal.settle(STACK) == []
    assert world.gone == ["r1", "b1"]


def test_what_cannot_go_is_named_and_stays_noted(world):
    world.killed((ROLE, "r1"), (BUCKET, "b1"))
    world.blocked = {"b1": "never"}

    assert world.journal.settle(STACK) == ["aws:s3/bucket:Bucket data (b1): DeleteConflict"]
    assert (world.gone, world.left(BUCKET)) == (["r1"], "b1")


def test_a_killed_run_makes_what_it_changed_doubtful_until_the_state_is_saved(world):
    world.killed(touched=BUCKET)

    for _ in range(2):
        with world.journal.run(STACK, {}, []) as touched:
            assert touched == [BUCKET]
    world.journal.saved(STACK, {})
    with world.journal.run(STACK, {}, []) as touched:
        assert touched == []


def test_a_change_by_a_plain_pulumi_up_is_not_doubtful(world):
    world.journal.touching(BUCKET)

    with world.journal.run(STACK, {}, []) as touched:
        assert touched == []


def test_a_run_waits_for_calls_of_a_killed_engine(world):
    started, go_on = threading.Event(), threading.Event()

    def orphan() -> None:
        with world.journal.at_work(ROLE) as run:
            started.set()
            go_on.wait(10)
            world.journal.made(Made(ROLE, "r1", {}, True, run, lambda: None))

    with world.journal.run(STACK, {}, []):
        thread = threading.Thread(target=orphan)
        thread.start()
        started.wait(10)
    threading.Timer(0.2, go_on.set).start()

    assert world.left(ROLE) == "r1"
    thread.join()
