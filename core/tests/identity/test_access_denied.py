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


NO_POLICY = "no identity-based policy allows"
BY_TOKEN = "sts:AssumeRoleWithWebIdentity"
SCP_ARN = "arn:aws:organizations::111122223333:policy/o-1/service_control_policy/p-2"
BY_SCP = "with an explicit deny in a service control policy"
SECOND_REFUSAL = f"caused by: User: {JOHN} is not authorized to perform:"
OF_KEY = (
    "the resource associated with this ciphertext because the resource does not exist in this "
    "Region, no resource-based policies allow access, or a resource-based policy explicitly denies "
    "access"
)


@pytest.mark.cases(("refused", "expected", "reason"), {
    "identity-based policy": (f"{LIST} with an {DENIED_BY_IDENTITY}",
        Denial(LIST, JOHN, "", Type.IDENTITY, DENY), DENIED_BY_IDENTITY),
    "explicit deny alone": (f"{LIST} with an explicit deny", Denial(LIST, JOHN, "", None, DENY),
        "explicit deny"),
    "no policy allows": (f"{LIST} because {NO_POLICY}",
        Denial(LIST, JOHN, "", Type.IDENTITY, NO_ALLOW), f"{NO_POLICY} {LIST}"),
    "no reason": (LIST, Denial(LIST, JOHN), ""),
    "policy with its ARN": (f'{LIST} on resource: "arn:aws:s3:::b/a file" {BY_SCP}: {SCP_ARN}.',
        Denial(LIST, JOHN, "arn:aws:s3:::b/a file", SCP, DENY, SCP_ARN),
        f"explicit deny in a service control policy ({SCP_ARN})"),
    "KMS, key policy or region": (f"kms:Decrypt on {OF_KEY}",
        Denial("kms:Decrypt", JOHN, policy_type=Type.RESOURCE),
        "a resource-based policy is missing or denies it"),
    "two refusals": (f"sts:AssumeRole on resource: x, {SECOND_REFUSAL} {LIST} {BY_SCP}",
        Denial("sts:AssumeRole", JOHN, "x"), ""),
})  # fmt: skip
def test_the_first_refusal_is_read_with_its_reason_and_the_policy(refused, expected, reason):
    denial = read_denial(f"User: {JOHN} is not authorized to perform: {refused}")
    assert (denial, denial.reason) == (expected, reason)


def test_sts_names_no_caller_of_a_web_identity_and_other_texts_say_nothing():
    when = "An error occurred (AccessDenied) when calling the AssumeRoleWithWebIdentity operation"
    assert read_denial(f"{when}: Not authorized to perform {BY_TOKEN}") == Denial(BY_TOKEN)
    for text in ("", "Access Denied", "not authorized to perform", "s3:ListBucket"):
        assert read_denial(text) is None, text
