"""Arguments of ServiceAccountRole for the trust policy of a role that is taken over."""

from hypothesis import given, settings
from hypothesis import strategies as st

from command.tests.move.moves import CLUSTER, PROVIDER, trusting
from command.tests.takeover.states import SERVICE
from irsa.move.trust import RoleCall, verdict
from irsa.takeover.trust import service_account_trust
from irsa_core.decide.truth import Verdict
from irsa_core.identity.pod_identity import pod_identity_trust_policy, service_account_trust_policy
from irsa_core.identity.policies import irsa_trust_policy
from irsa_core.identity.policy_json import statements
from irsa_core.identity.subjects import parse_service_accounts

NAMES = ("dev/app", "dev/web", "dev/app-*", "team/app", "team/*")
PROVIDERS, CLUSTERS = [PROVIDER, f"{PROVIDER}2"], [CLUSTER, f"{CLUSTER}2"]
[TOKEN] = statements(irsa_trust_policy([PROVIDER], [parse_service_accounts("dev/app")]))
ROOT = {"Effect": "Allow", "Principal": {"AWS": "111122223333"}, "Action": "sts:AssumeRole"}
OTHERS = (
    SERVICE,
    ROOT,
    {**ROOT, "Condition": {"StringEquals": {"sts:ExternalId": "orders"}}},
    {**TOKEN, "Effect": "Deny"},
    {**SERVICE, "Effect": "Deny"},
    {**TOKEN, "Condition": {"StringEquals": {f"{PROVIDER.split('/', 1)[1]}:sub": "x"}}},
    {**TOKEN, "Condition": {"StringLike": TOKEN["Condition"]["StringEquals"]}},
    {**TOKEN, "Condition": {**TOKEN["Condition"], "Bool": {"aws:SecureTransport": "true"}}},
)


def subjects(names):
    return [parse_service_accounts(each, allow_whole_namespace=True) for each in names]


@st.composite
def documents(draw):
    names = st.sets(st.sampled_from(NAMES), min_size=1).map(sorted)
    parts = draw(st.lists(st.sampled_from(OTHERS), max_size=2))
    if providers := draw(st.lists(st.sampled_from(PROVIDERS), unique=True)):
        of_token = {"audience": draw(st.sampled_from(["sts.amazonaws.com", "vault"]))}
        by_token = irsa_trust_policy(providers, subjects(draw(names)), **of_token, quota=8192)
        parts += statements(by_token)
    if clusters := draw(st.lists(st.sampled_from(CLUSTERS), unique=True)):
        tags = {"disable_session_tags": draw(st.booleans())}
        parts += statements(pod_identity_trust_policy(clusters, subjects(draw(names)), **tags))
    return {"Version": "2012-10-17", "Statement": draw(st.permutations(parts))}


CALLS = [
    RoleCall(source, f"system:serviceaccount:{name}", audience, tagged)
    for name in ("dev:app", "dev:web", "dev:app-x", "team:app", "team:x", "x:app")
    for source, audience, tagged in (
        *((source, "sts.amazonaws.com", True) for source in PROVIDERS),
        (PROVIDER, "vault", True),
        *((source, "", tagged) for source in CLUSTERS for tagged in (True, False)),
    )
]


@given(documents(), st.sets(st.tuples(st.sampled_from(CLUSTERS), st.sampled_from(["dev/app"]))))
@settings(max_examples=60, deadline=None)
def test_no_caller_gains_and_each_that_loses_is_in_a_statement_that_is_named(document, linked):
    associations = {cluster: {name} for cluster, name in linked}
    arguments, problems = service_account_trust(document, associations)
    if not arguments:
        assert problems
        return
    names = subjects(arguments.pop("subjects"))
    arguments |= {"quota": max(2048, arguments.pop("trust_policy_quota", 0))}
    arguments.pop("allow_whole_namespace", None)
    old, new = trusting(document), trusting(service_account_trust_policy(names, **arguments))
    for call in CALLS:
        before, after = verdict(old, call), verdict(new, call)
        assert after is before or (problems and before is Verdict.ALLOW), call


def test_what_the_components_write_needs_no_more_statements_with_any_ids():
    names = ["dev/app", "dev/web-*"]
    given = {"provider_arns": [PROVIDER], "cluster_arns": CLUSTERS, "audience": "vault"}
    document = service_account_trust_policy(subjects(names), **given, quota=8192)

    own = [{**each, "Sid": f"S{number}"} for number, each in enumerate(statements(document))]
    for listed in (statements(document), own):
        found = service_account_trust({**document, "Statement": listed}, {})
        assert found == ({**given, "subjects": names}, [])
