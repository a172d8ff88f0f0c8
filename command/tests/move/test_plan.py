"""The next step of a move, from what is observed."""

from dataclasses import replace

import pytest

from command.tests.move import moves
from command.tests.move.moves import BY_ASSOCIATION, pod, trusting, with_irsa, with_pod_identity
from irsa.move.plan import notes, steps
from irsa_core.identity.policy_json import statements

[STATEMENT] = statements(BY_ASSOCIATION)
OF_CLUSTER = {"ArnEquals": STATEMENT["Condition"]["ArnEquals"]}
WITHOUT_TAGS = {"Statement": [{**STATEMENT, "Action": "sts:AssumeRole", "Condition": OF_CLUSTER}]}
BOTH = trusting(moves.BY_TOKEN, BY_ASSOCIATION)
DAY, LEEWAY, GRACE = 86_400, 300, 30
OLD, NEW = (pod(moves.IRSA),), (pod(moves.POD_IDENTITY),)
UNTAGGED = replace(moves.ASSOCIATION, disable_session_tags=True)
MOVED = moves.NOW - 3600 + GRACE
"""The last old Pod was gone an hour ago."""
AFTER = ["session-again", "wait", "unannotate", "distrust"]
TO_POD_IDENTITY = ["trust", "associate", "session", "gate", "restart", *AFTER]
TO_IRSA = ["session", "dissociate", "gate", "restart", "session-again", "wait", "distrust"]
ASSOCIATED = {"role": BOTH, "association": moves.ASSOCIATION}
RESTARTED = {**ASSOCIATED, "pods": NEW}
MOVED_STATE = {**RESTARTED, "role": trusting(BY_ASSOCIATION), "annotated": False}
ANNOTATED = {"role": BOTH, "annotated": True}
BACK = {"annotated": True, "association": None, "pods": OLD}


@pytest.mark.cases(("found", "wanted"), {
    "IRSA": (with_irsa(), TO_POD_IDENTITY),
    "IRSA, nine days later": (with_irsa(now=moves.NOW + 9 * DAY), TO_POD_IDENTITY),
    "IRSA, both are trusted": (with_irsa(role=BOTH), TO_POD_IDENTITY[1:]),
    "associated": (with_irsa(**ASSOCIATED), TO_POD_IDENTITY[2:]),
    "associated, old Pod ends": (with_irsa(**ASSOCIATED, pods=(*NEW, pod(moves.IRSA, ending=True))),
        TO_POD_IDENTITY[2:]),
    "Pods restarted": (with_irsa(**RESTARTED), AFTER),
    "Pods restarted, a day later": (with_irsa(**RESTARTED, now=MOVED + DAY + LEEWAY),
        ["session-again", *AFTER[2:]]),
    "Pods restarted, no annotation": (with_irsa(**RESTARTED, annotated=False),
        ["session-again", "wait", "distrust"]),
    "moved": (with_irsa(**MOVED_STATE), []),
    "Pod Identity": (with_pod_identity(), ["trust", "annotate", *TO_IRSA]),
    "Pod Identity, annotated": (with_pod_identity(**ANNOTATED), TO_IRSA),
    "annotated, not associated": (with_pod_identity(**ANNOTATED, association=None),
        [TO_IRSA[0], *TO_IRSA[2:]]),
    "back at IRSA": (with_pod_identity(**BACK, role=BOTH), TO_IRSA[4:]),
    "back at IRSA, six hours later": (with_pod_identity(**BACK, role=BOTH, now=MOVED + 6 * 3600),
        ["session-again", "distrust"]),
    "back at IRSA, old trust gone": (with_pod_identity(**BACK, role=trusting(moves.BY_TOKEN)), []),
    # An interrupted move leads back until the old trust is gone.
    "interrupted, back to IRSA": (with_irsa("irsa", **ASSOCIATED, pods=(*OLD, *NEW)), TO_IRSA),
    # An association without session tags needs a trust policy without them.
    "moved, association without tags": (with_irsa(**{**MOVED_STATE, "association": UNTAGGED}),
        ["trust"]),
    "moved, trust without tags":
        (with_irsa(**{**MOVED_STATE, "association": UNTAGGED, "role": trusting(WITHOUT_TAGS)}), []),
})  # fmt: skip
def test_the_steps_that_are_left(found, wanted):
    assert [each.key for each in steps(found) if not each.done] == wanted


def test_the_plan_names_what_is_not_read_and_what_was_not_asked():
    unread, unasked = notes(replace(with_irsa(), unasked=("iam:PassRole",)))
    assert "buckets, KMS keys and roles" in unread
    assert unread.endswith("roles that they assume must allow sts:TagSession")
    assert unasked == "not asked: iam:PassRole"
    assert notes(with_pod_identity())[0].endswith("conditions on session tags fail with IRSA")


def test_a_move_is_over_with_the_last_session_of_the_old_pods():
    """Tokens of ten minutes end before sessions; an unknown rollout with the newest Pod."""
    short = pod(moves.POD_IDENTITY, annotations={"eks.amazonaws.com/token-expiration": "600"})
    alone = pod(moves.POD_IDENTITY, None, created="2027-01-15T07:30:00Z")
    over = [with_irsa(**ASSOCIATED, pods=(each,)).over for each in (short, alone)]
    assert over == [MOVED + 3600, MOVED + 1800 + DAY + LEEWAY]


def test_a_statement_for_associations_without_session_tags_is_not_overlooked():
    role = trusting(moves.BY_TOKEN, WITHOUT_TAGS)
    [*_, distrust] = steps(with_pod_identity(**{**BACK, "role": role}))
    assert distrust.text.startswith("others have access by the statement that trusts dev/s3-app")
