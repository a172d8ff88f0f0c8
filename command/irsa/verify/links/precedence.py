"""The link `precedence`: what in a container wins over the role that the webhook injected. Pure.

https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
"""

from collections.abc import Mapping

from irsa.identity.eks import (
    CONTAINER_SOURCE,
    CREDENTIALS_URI_VARIABLE,
    ROLE_ARN_VARIABLE,
    TOKEN_FILE_VARIABLE,
    WEB_IDENTITY_VARIABLES,
)
from irsa.observe.aws_config import ProfileChain, profile_chain
from irsa.observe.facts import Pod, Unread
from irsa.observe.pod_spec import Container, Variable, access_key, whole_objects
from irsa.verify.facts import Facts
from irsa.verify.link import AS_EXPECTED, Check, Link
from irsa.verify.links.containers import NO_POD, CheckedContainer, Problem, link_of, sort_containers
from irsa.verify.links.settings import (
    ASK_INSIDE,
    AwsFiles,
    Chosen,
    all_chosen,
    aws_files,
    unusable_variable,
)
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
    cases = [
        CheckedContainer(
            pod, container, problem(facts, pod, container, reached=container.name == asked)
        )
        for pod in facts.judged
        for container in sort_containers(facts, pod).judged
    ]
    winner = "the credentials of the association win" if facts.by_association else AS_EXPECTED
    return link_of(check, cases, winner)


def problem(facts: Facts, pod: Pod, container: Container, *, reached: bool) -> Problem | None:
    """Return the first setting that keeps the container from its role; None without one."""
    files = aws_files(facts, pod, container)
    keys = _keys(facts, pod, container, files.given)
    if keys is not None:
        return keys
    sources = (facts.objects.get((e.kind, e.name)) for e in whole_objects(container.spec))
    unread = [source for source in sources if isinstance(source, Unread)]
    if files.refused:
        return Problem(f"{files.refused}; the AWS CLI and boto3 stop there", "correct the file")
    for choice in all_chosen(files.given):
        finding = _profile(facts, pod, container, files, choice)
        if finding is not None:
            return finding
    web_identity = _web_identity(facts, pod, container, files.given)
    if web_identity is not None:
        return web_identity
    unusable = unusable_variable(facts, pod, container, files, reached=reached)
    if unusable is None and unread:
        return Problem(unread[0].text, unread[0].remedy, certain=False)
    return unusable


def _keys(
    facts: Facts, pod: Pod, container: Container, given: Mapping[str, Variable]
) -> Problem | None:
    """Static credentials: every SDK takes them first. Empty ones, or a secret alone, none does."""
    if access_key(given) is None:
        return None
    taken = {name: given[name] for name in KEY_VARIABLES if name in given}
    whole = [each for each in taken.values() if each.whole]
    where = f"through envFrom of {whole[0].kind} {whole[0].object}" if whole else "in the container"
    if not facts.role_arn and not facts.annotated_role:  # the Pods would have nothing without them
        return Problem(f"{', '.join(taken)} {where}: nothing names a role", "", certain=False)
    return Problem(
        f"{', '.join(taken)} {where}: static credentials win over the role",
        *change_variables(facts, pod, container, taken, "remove them"),
    )


def _web_identity(
    facts: Facts, pod: Pod, container: Container, given: Mapping[str, Variable]
) -> Problem | None:
    """A web identity set by hand beside container credentials: every SDK takes it first.

    The webhook injects one of the two only, and leaves what is set by hand.
    """
    both = given.keys() >= {TOKEN_FILE_VARIABLE, CREDENTIALS_URI_VARIABLE}
    if not facts.by_association or not both:
        return None
    taken = {name: given[name] for name in WEB_IDENTITY_VARIABLES if name in given}
    role_arn = given[ROLE_ARN_VARIABLE].value if ROLE_ARN_VARIABLE in given else ""
    return Problem(
        f"{' and '.join(taken)} set by hand: in this Pod {role_arn or 'a web identity'} wins over "
        "the association, in every SDK",
        *change_variables(facts, pod, container, taken, "remove them"),
    )


def _profile(
    facts: Facts, pod: Pod, container: Container, files: AwsFiles, choice: Chosen
) -> Problem | None:
    if choice.name not in files.profiles:
        return _no_profile(facts, pod, container, files, choice)
    leads = profile_chain(files.profiles, choice.name)
    text = _leads_elsewhere(facts, choice, leads)
    if not text:
        return None
    effect, certain = text
    if not certain:
        remedy = f"if that is intended, ask with --profile {choice.name}"
        return Problem(f"{choice.text}: {effect}", remedy, certain=False)
    if not choice.variable:
        remedy = f"take {'the role' if leads.roles else _held(leads.start)} out of {choice.text}"
        return Problem(f"{choice.text}: {effect}", remedy)
    taken = {choice.variable: files.given[choice.variable]}
    remedy = f"remove {choice.variable}, or correct the profile"
    return Problem(
        f"{choice.text}: {effect}", *change_variables(facts, pod, container, taken, remedy)
    )


def _leads_elsewhere(facts: Facts, choice: Chosen, leads: ProfileChain) -> tuple[str, bool] | None:
    """Return a profile's effect, and whether it is certain; None if it keeps the role."""
    if choice.name == facts.profile:
        return None  # which the link `profile` judges
    if leads.problem:
        return f"{leads.problem}; boto3 and the AWS CLI stop there", True
    if not leads.start:
        return None
    if not leads.roles:
        before = "every SDK takes it" if facts.by_association else JAVASCRIPT
        return f"it holds {_held(leads.start)}; {before} before the role", True
    target = facts.role_b.target.role_arn if facts.role_b else ""
    own, roles = "token", leads.roles
    if facts.by_association:
        own, roles = CONTAINER_SOURCE, (facts.role_arn, *roles)
    first, last = roles[0], roles[-1]
    if leads.start != own:
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


def _no_profile(
    facts: Facts, pod: Pod, container: Container, files: AwsFiles, choice: Chosen
) -> Problem | None:
    """No such profile: harmless for [default], and fatal for one that a variable names."""
    unread = files.unread
    if not choice.variable:
        return Problem(unread.text, unread.remedy, certain=False) if unread else None
    variable = files.given[choice.variable]
    if variable.value is None:
        return Problem(
            f"{choice.variable} is set, and its value cannot be known here",
            ASK_INSIDE,
            certain=False,
        )
    if unread:
        return Problem(f"{choice.text}; {unread.text}", unread.remedy, certain=False)
    source = f"{variable.kind} {variable.object}" if variable.whole else "the template"
    whole = f" through envFrom of {source}" if variable.whole else ""
    remedy = f"remove the variable from {source}, or mount a config file with the profile"
    return Problem(
        f"{choice.text}{whole}, and the Pod's AWS config file has no such profile: SDKs fail, or "
        "use the node's role",
        *change_variables(facts, pod, container, {choice.variable: variable}, remedy),
    )
