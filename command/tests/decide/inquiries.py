"""One question to the evaluator, with policies of every kind, and some to ask it with."""

from command.tests.decide.scenarios import ROLE_A, SESSION_A, allow, deny, document
from irsa.decide.document import Kind
from irsa.decide.evaluate import Inquiry
from irsa.decide.policies import Policies
from irsa.decide.principals import caller_from_arn
from irsa.decide.request import Request
from irsa.decide.statements import compile_policy

BUCKET = "arn:aws:s3:::bucket"
GET = "s3:GetObject"
YES = document(allow("s3:*", "*"))
NO = document(deny("s3:*", "*"))
OTHER = document(allow("s3:PutObject", "*"))
NOT_PUT = document(deny("s3:PutObject", "*"))
UNDECIDED = document(allow("s3:*", "*", Condition={"StringEqualz": {"aws:x": "y"}}))
STRANGE = ["condition operator StringEqualz"]
PERHAPS_NOT = document(deny("s3:*", "*", Condition={"StringEqualz": {"aws:x": "y"}}))
YES_PERHAPS = document(*YES["Statement"], *PERHAPS_NOT["Statement"])
ASKED = "the request's is s3:GetObject"
ASKED_ON = f"the request's is {BUCKET}/key"


def names(principal, effect="Allow", action="s3:*", **more):
    statement = {"Effect": effect, "Principal": {"AWS": principal}, "Action": action}
    return document(statement | {"Resource": "*"} | more)


RESOURCE_UNDECIDED = names(ROLE_A, Condition={"StringEqualz": {"aws:x": "y"}})


SINGLE = {
    "boundary": Kind.IDENTITY,
    "session": Kind.IDENTITY,
    "resource_control": Kind.PERIMETER,
    "endpoint": Kind.PERIMETER,
}


def inquire(caller=SESSION_A, *, same_account=True, must_allow=False, context=None, **kinds):
    resource = kinds.pop("resource", None)
    listed = {
        kind: [compile_policy(each, f"{kind} policy", Kind.IDENTITY) for each in kinds.pop(kind)]
        for kind in ("identity", "service_control")
        if kinds.get(kind) is not None
    }
    single = {
        kind: compile_policy(kinds.pop(kind), kind, of)
        for kind, of in SINGLE.items()
        if kinds.get(kind) is not None
    }
    policies = Policies(
        resource=resource and compile_policy(resource, "resource policy", Kind.RESOURCE),
        **listed,
        **single,
        **kinds,
    )
    who = caller and caller_from_arn(caller, role_arn=ROLE_A if caller == SESSION_A else None)
    request = Request(GET, f"{BUCKET}/key", who, {}, context=context)
    inquiry = Inquiry(request, policies, same_account, resource_must_allow=must_allow)
    return inquiry.decide()
