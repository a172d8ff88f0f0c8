"""The link `precedence`: what in a container wins over the role that the webhook injected. Pure.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from irsa.identity.eks import (
    CREDENTIALS_URI_VARIABLE,
    ROLE_ARN_VARIABLE,
    TOKEN_FILE_VARIABLE,
    WEB_IDENTITY_VARIABLES,
)
from irsa.observe.aws_config import ProfileChain, profile_chain
from irsa.observe.facts import Unread
from irsa.observe.pod_spec import access_key, whole_objects
from irsa.verify.facts import ByAssociation, ByToken, Facts
from irsa.verify.link import Check, Link
from irsa.verify.links.containers import NO_POD, Problem, link_of, sort_containers
from irsa.verify.links.settings import (
    ASK_INSIDE,
    Chosen,
    all_chosen,
    unusable_variable,
)
from irsa.verify.pod_container import PodContainer
from irsa.verify.remedies.pod import change_variables

KEY_VARIABLES = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
FOLLOWERS = "boto3, the AWS CLI and the SDK for JavaScript look there first"
JAVASCRIPT = "the SDK for JavaScript takes it"


def precedence(facts: Facts, *, reached: bool = False) -> Link:
    """Check whether something in a container wins over its role, or keeps it from STS.

    ``reached`` says that STS answered inside the Pod.
    """
    check = Check(
        "precedence", "no static credentials, and no profile or variable that leads elsewhere"
    )
    if not facts.judged:
        return check.unknown(NO_POD)
    asked = next((e.name for e in facts.asked(facts.pod)), "") if reached and facts.pod else ""
    judged = sort_containers(facts).judged
    findings = {each: problem(each, reached=each.name == asked) for each in judged}
    if isinstance(facts, ByAssociation):
        return link_of(check, findings, "the credentials of the association win")
    return link_of(check, findings)


def problem(container: PodContainer, *, reached: bool) -> Problem | None:
    """Return the first setting that keeps the container from its role; None without one."""
    if keys := _keys(container):
        return keys
    refused, objects = container.files.refused, container.facts.objects
    if refused:
        return Problem(f"{refused}; the AWS CLI and boto3 stop there", "correct the file")
    of_profiles = (_profile(container, choice) for choice in all_chosen(container.given))
    finding = next(filter(None, of_profiles), None) or _web_identity(container)
    if finding := finding or unusable_variable(container, reached=reached):
        return finding
    sources = (objects.get((e.kind, e.name)) for e in whole_objects(container.spec))
    unread = next((source for source in sources if isinstance(source, Unread)), None)
    return Problem(unread.text, unread.remedy, certain=False) if unread else None


def _keys(container: PodContainer) -> Problem | None:
    """Static credentials: every SDK takes them first. Empty ones, or a secret alone, none does."""
    facts, given = container.facts, container.given
    if access_key(given) is None:
        return None
    taken = {name: given[name] for name in KEY_VARIABLES if name in given}
    whole = [each for each in taken.values() if each.whole]
    where = f"through envFrom of {whole[0].kind} {whole[0].object}" if whole else "in the container"
    if not facts.role_arn and not facts.annotated_role:  # the Pods would have nothing without them
        return Problem(f"{', '.join(taken)} {where}: nothing names a role", "", certain=False)
    return Problem(
        f"{', '.join(taken)} {where}: static credentials win over the role",
        *change_variables(container, taken, "remove them"),
    )


def _web_identity(container: PodContainer) -> Problem | None:
    """A web identity set by hand beside container credentials: every SDK takes it first.

    The webhook injects one of the two only, and leaves what is set by hand.
    """
    given = container.given
    both = given.keys() >= {TOKEN_FILE_VARIABLE, CREDENTIALS_URI_VARIABLE}
    if isinstance(container.facts, ByToken) or not both:
        return None
    taken = {name: given[name] for name in WEB_IDENTITY_VARIABLES if name in given}
    role_arn = given[ROLE_ARN_VARIABLE].value if ROLE_ARN_VARIABLE in given else ""
    return Problem(
        f"{' and '.join(taken)} set by hand: in this Pod {role_arn or 'a web identity'} wins over "
        "the association, in every SDK",
        *change_variables(container, taken, "remove them"),
    )


def _profile(container: PodContainer, choice: Chosen) -> Problem | None:
    if choice.name not in container.files.profiles:
        return _no_profile(container, choice)
    leads = profile_chain(container.files.profiles, choice.name)
    effect, certain = _leads_elsewhere(container.facts, choice, leads) or ("", True)
    if not effect:
        return None
    text = f"{choice.text}: {effect}"
    if not certain:
        remedy = f"if that is intended, ask with --profile {choice.name}"
        return Problem(text, remedy, certain=False)
    if not choice.variable:
        what = "the role" if leads.roles else _held(leads.start)
        return Problem(text, f"take {what} out of {choice.text}")
    taken = {choice.variable: container.given[choice.variable]}
    remedy = f"remove {choice.variable}, or correct the profile"
    return Problem(text, *change_variables(container, taken, remedy))


def _leads_elsewhere(facts: Facts, choice: Chosen, leads: ProfileChain) -> tuple[str, bool] | None:
    """Return a profile's effect, and whether it is certain; None if it keeps the role."""
    if choice.name == facts.profile:
        return None  # which the link `profile` judges
    if leads.problem:
        return f"{leads.problem}; boto3 and the AWS CLI stop there", True
    if not leads.start:
        return None
    if not leads.roles:
        before = JAVASCRIPT if isinstance(facts, ByToken) else "every SDK takes it"
        return f"it holds {_held(leads.start)}; {before} before the role", True
    target = facts.role_b.role_arn if facts.role_b else ""
    roles = leads.roles if isinstance(facts, ByToken) else (facts.role_arn, *leads.roles)
    first, last = roles[0], roles[-1]
    if leads.start != facts.source.start:
        return f"it leads to {last}, from {_held(leads.start)}; {FOLLOWERS}", True
    if len(roles) == 1:
        fits = first == facts.role_arn or not facts.role_arn
        return None if fits else (f"it leads to {first}; {JAVASCRIPT} before the role", True)
    if first == facts.role_arn:
        return (
            None
            if facts.profile or last == target
            else (f"it goes on to {last}; {FOLLOWERS}", False)
        )
    return f"it leads to {last}, from {first}; {FOLLOWERS}", True


def _held(start: str) -> str:
    return {
        "keys": "a static key",
        "credential_process": "a credential_process",
        "sso": "an SSO session",
        "token": "a web identity token",
    }.get(start, f"credential_source {start}")


def _no_profile(container: PodContainer, choice: Chosen) -> Problem | None:
    """No such profile: harmless for [default], and fatal for one that a variable names."""
    unread = container.files.unread
    if not choice.variable:
        return Problem(unread.text, unread.remedy, certain=False) if unread else None
    variable = container.given[choice.variable]
    if variable.value is None:
        text = f"{choice.variable} is set, and its value cannot be known here"
        return Problem(text, ASK_INSIDE, certain=False)
    if unread:
        return Problem(f"{choice.text}; {unread.text}", unread.remedy, certain=False)
    source = f"{variable.kind} {variable.object}" if variable.whole else "the template"
    whole = f" through envFrom of {source}" if variable.whole else ""
    remedy = f"remove the variable from {source}, or mount a config file with the profile"
    return Problem(
        f"{choice.text}{whole}, and the Pod's AWS config file has no such profile: SDKs fail, or "
        "use the node's role",
        *change_variables(container, {choice.variable: variable}, remedy),
    )
