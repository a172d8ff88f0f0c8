"""The next step of a move, from what is observed."""

from dataclasses import replace

import pytest

from command.tests.move.moves import (
    ASSOCIATION,
    BY_ASSOCIATION,
    BY_TOKEN,
    IRSA,
    NOW,
    POD_IDENTITY,
    pod,
    trusting,
    with_irsa,
    with_pod_identity,
)
from irsa.identity.policy_json import statements
from irsa.move.facts import Move
from irsa.move.plan import notes, steps

[STATEMENT] = statements(BY_ASSOCIATION)
OF_CLUSTER = {"ArnEquals": STATEMENT["Condition"]["ArnEquals"]}
WITHOUT_TAGS = {"Statement": [{**STATEMENT, "Action": "sts:AssumeRole", "Condition": OF_CLUSTER}]}
BOTH = trusting(BY_TOKEN, BY_ASSOCIATION)
DAY, LEEWAY, GRACE = 86_400, 300, 30
OLD, NEW = (pod(IRSA),), (pod(POD_IDENTITY),)
ENDING = (*NEW, pod(IRSA, ending=True))
MOVED = NOW - 3600 + GRACE
"""The last old Pod was gone an hour ago."""


def left(move: Move) -> list[str]:
    return [each.key for each in steps(move) if not each.done]


AFTER = ["session-again", "wait", "unannotate", "distrust"]


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ({}, ["trust", "associate", "session", "gate", "restart", *AFTER]),
        (
            {"now": NOW + 9 * DAY},
            ["trust", "associate", "session", "gate", "restart", *AFTER],
        ),
        ({"role": BOTH}, ["associate", "session", "gate", "restart", *AFTER]),
        (
            {"role": BOTH, "association": ASSOCIATION},
            ["session", "gate", "restart", *AFTER],
        ),
        (
            {"role": BOTH, "association": ASSOCIATION, "pods": ENDING},
            ["session", "gate", "restart", *AFTER],
        ),
        ({"role": BOTH, "association": ASSOCIATION, "pods": NEW}, AFTER),
        (
            {
                "role": BOTH,
                "association": ASSOCIATION,
                "pods": NEW,
                "now": MOVED + DAY + LEEWAY,
            },
            ["session-again", "unannotate", "distrust"],
        ),
        (
            {"role": BOTH, "association": ASSOCIATION, "pods": NEW, "annotated": False},
            ["session-again", "wait", "distrust"],
        ),
        (
            {
                "role": trusting(BY_ASSOCIATION),
                "association": ASSOCIATION,
                "pods": NEW,
                "annotated": False,
            },
            [],
        ),
    ],
    ids=[
        "irsa",
        "an-old-rollout",
        "both",
        "associated",
        "ending",
        "restarted",
        "over",
        "no-annotation",
        "moved",
    ],
)
def test_steps_to_pod_identity(state, wanted):
    assert left(with_irsa(**state)) == wanted


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        (
            {},
            ["trust", "annotate", "session", "dissociate", "gate", "restart",
             "session-again", "wait", "distrust"],
        ),
        (
            {"role": BOTH, "annotated": True},
            ["session", "dissociate", "gate", "restart", "session-again", "wait", "distrust"],
        ),
        (
            {"role": BOTH, "annotated": True, "association": None},
            ["session", "gate", "restart", "session-again", "wait", "distrust"],
        ),
        (
            {"role": BOTH, "annotated": True, "association": None, "pods": OLD},
            ["session-again", "wait", "distrust"],
        ),
        (
            {"role": BOTH, "annotated": True, "association": None, "pods": OLD,
             "now": MOVED + 6 * 3600},
            ["session-again", "distrust"],
        ),
        ({"role": trusting(BY_TOKEN), "annotated": True, "association": None, "pods": OLD}, []),
    ],
    ids=["pod-identity", "annotated", "dissociated", "restarted", "over", "moved"],
)  # fmt: skip
def test_steps_to_irsa(state, wanted):
    assert left(with_pod_identity(**state)) == wanted


def test_the_plan_names_what_is_not_read_and_what_was_not_asked():
    there, back = replace(with_irsa(), unasked=("iam:PassRole",)), with_pod_identity()

    unread, unasked = notes(there)

    assert "buckets, KMS keys and roles" in unread
    assert unread.endswith("roles that they assume must allow sts:TagSession")
    assert unasked == "not asked: iam:PassRole"
    assert notes(back)[0].endswith("conditions on session tags fail with IRSA")


def test_an_interrupted_move_leads_back_until_the_old_trust_is_gone():
    back = with_irsa("irsa", role=BOTH, association=ASSOCIATION, pods=(*OLD, *NEW))

    assert left(back)[:4] == ["session", "dissociate", "gate", "restart"]


def test_tokens_of_ten_minutes_are_over_with_the_longest_session():
    short = {"eks.amazonaws.com/token-expiration": "600"}
    moved = with_irsa(
        role=BOTH, association=ASSOCIATION, pods=(pod(POD_IDENTITY, annotations=short),)
    )

    assert moved.over == MOVED + 3600


def test_a_rollout_whose_end_is_not_known_ended_with_the_newest_pod():
    unknown = pod(POD_IDENTITY, None, created="2027-01-15T07:30:00Z")
    moved = with_irsa(role=BOTH, association=ASSOCIATION, pods=(unknown,))

    assert moved.over == MOVED + 1800 + DAY + LEEWAY


def test_an_association_without_tags_needs_a_trust_policy_without_them():
    untagged = replace(ASSOCIATION, disable_session_tags=True)
    state = {"association": untagged, "pods": NEW, "annotated": False}

    assert left(with_irsa(role=trusting(BY_ASSOCIATION), **state)) == ["trust"]
    assert left(with_irsa(role=trusting(WITHOUT_TAGS), **state)) == []


def test_a_statement_for_associations_without_session_tags_is_not_overlooked():
    role = trusting(BY_TOKEN, WITHOUT_TAGS)
    found = with_pod_identity(role=role, annotated=True, association=None, pods=OLD)

    [*_, distrust] = steps(found)

    assert distrust.text.startswith("others have access by the statement that trusts dev/s3-app")
