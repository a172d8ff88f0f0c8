"""Access denied errors name the policy that refused."""

import pytest

from irsa_core.identity.errors import Denial, NamedPolicyType, Refusal, read_denial

JOHN = "arn:aws:iam::123456789012:user/John"
LIST = "codecommit:ListRepositories"
DEPLOYMENTS = "arn:aws:codedeploy:us-east-1:123456789012:deploymentgroup:*"

NO_ALLOW, DENY, UNSAID = Refusal.NO_ALLOW, Refusal.DENY, Refusal.UNSAID
Type = NamedPolicyType
SCP, RCP, VPC = Type.SERVICE_CONTROL, Type.RESOURCE_CONTROL, Type.VPC_ENDPOINT
TRANSITIVE = "a VPC endpoint policy transitively through a service control policy"
DENIED_BY_IDENTITY = "explicit deny in an identity-based policy"

# The phrases of troubleshoot_access-denied, AWS's order.
PHRASES = {
    "because no service control policy allows": (SCP, NO_ALLOW),
    "with an explicit deny in a service control policy": (SCP, DENY),
    "with an explicit deny in a resource control policy": (RCP, DENY),
    "because no VPC endpoint policy allows": (VPC, NO_ALLOW),
    "with an explicit deny in a VPC endpoint policy": (VPC, DENY),
    "because no permissions boundary allows": (Type.BOUNDARY, NO_ALLOW),
    "with an explicit deny in a permissions boundary": (Type.BOUNDARY, DENY),
    "because no session policy allows": (Type.SESSION, NO_ALLOW),
    "with an explicit deny in a sessions policy": (Type.SESSION, DENY),
    "with an explicit deny in a session policy": (Type.SESSION, DENY),
    "because no resource-based policy allows": (Type.RESOURCE, NO_ALLOW),
    "with an explicit deny in a resource-based policy": (Type.RESOURCE, DENY),
    "because no role trust policy allows": (Type.TRUST, NO_ALLOW),
    "with an explicit deny in the role trust policy": (Type.TRUST, DENY),
    "because no identity-based policy allows": (Type.IDENTITY, NO_ALLOW),
    "with an explicit deny in an identity-based policy": (Type.IDENTITY, DENY),
    f"with an explicit deny in {TRANSITIVE}": (SCP, DENY),
    "with an explicit deny": (None, DENY),
    "": (None, UNSAID),
}


@pytest.mark.cases("on", {"no resource": "", "resource": f" on resource: {DEPLOYMENTS}"})
@pytest.mark.parametrize("phrase", PHRASES)
def test_every_phrase_of_awss_page_names_its_type_in_any_frame(phrase, on):
    action = f" the {LIST} action" if phrase.endswith("allows") else ""
    text = f"User: {JOHN} is not authorized to perform: {LIST}{on} {phrase}{action}"
    framed = read_denial(f"│ {text}".replace(" ", "\n│  ").upper())
    assert read_denial(text) == Denial(LIST, JOHN, DEPLOYMENTS if on else "", *PHRASES[phrase])
    assert (framed.policy_type, framed.refusal) == PHRASES[phrase]


def test_the_policy_that_aws_names_is_kept():
    arn = "arn:aws:organizations::111122223333:policy/o-1/service_control_policy/p-2"
    text = (
        f"User: {JOHN} is not authorized to perform: s3:PutObject on resource: "
        f'"arn:aws:s3:::b/a file" with an explicit deny in a service control policy: {arn}.'
    )

    denial = read_denial(text)

    assert (denial.resource, denial.policy_arn) == ("arn:aws:s3:::b/a file", arn)
    assert denial.reason == f"explicit deny in a service control policy ({arn})"


def test_the_reason_is_said_in_words():
    no_policy = "no identity-based policy allows"
    reasons = {f"with an {each}": each for each in (DENIED_BY_IDENTITY, "explicit deny")}
    reasons |= {f"because {no_policy}": f"{no_policy} {LIST}", "": ""}
    for phrase, reason in reasons.items():
        denial = read_denial(f"User: {JOHN} is not authorized to perform: {LIST} {phrase}")
        assert denial.reason == reason


def test_sts_names_no_caller_of_a_web_identity():
    text = (
        "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation: "
        "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    )
    assert read_denial(text) == Denial("sts:AssumeRoleWithWebIdentity")


def test_kms_says_that_the_key_policy_or_the_region_is_the_reason():
    text = (
        f"User: {JOHN} is not authorized to perform: kms:Decrypt on the resource associated with "
        "this ciphertext because the resource does not exist in this Region, no resource-based "
        "policies allow access, or a resource-based policy explicitly denies access"
    )
    denial = Denial("kms:Decrypt", JOHN, policy_type=NamedPolicyType.RESOURCE)
    assert read_denial(text) == denial
    assert denial.reason == "a resource-based policy is missing or denies it"


def test_of_two_refusals_the_first_counts_with_its_own_reason():
    text = (
        f"User: {JOHN} is not authorized to perform: sts:AssumeRole on resource: x, caused by: "
        f"User: {JOHN} is not authorized to perform: s3:ListBucket with an explicit deny in a "
        "service control policy"
    )
    assert read_denial(text) == Denial("sts:AssumeRole", JOHN, "x")


def test_what_is_no_refusal_says_nothing():
    for text in ("", "Access Denied", "not authorized to perform", "s3:ListBucket"):
        assert read_denial(text) is None, text
