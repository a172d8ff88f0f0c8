"""The link `profile`: whether the Pod's AWS config file leads from role A to role B. Pure.

https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from irsa.observe.aws_config import TOKEN_FILE, Profile, header, profiles, sources, unprefixed
from irsa.observe.facts import ConfigFile, NotMounted, Unread
from irsa.observe.pod_spec import variables
from irsa.verify.containers import Problem, containers_of
from irsa.verify.facts import ByToken, Facts, roles_between
from irsa.verify.link import Check, Link
from irsa.verify.remedies.pod import call_inside
from irsa_core.identity.eks import CONTAINER_SOURCE, TOKEN_FILE_VARIABLE
from irsa_core.identity.quotas import CHAINED_SESSION_MAX

REFRESH_WINDOW = 900  # seconds before its end at which SDKs renew a session
MORE_ROLES = "between role A and role B are more roles, which verify does not judge"


def describe_changes(name: str, changes: Mapping[str, str | None]) -> str:
    """Describe changes to a profile's settings; None removes one. Empty if a value is not known."""
    if "" in changes.values():
        return ""
    removed = [f"remove {key}" for key, value in changes.items() if value is None]
    new = [f"set {key} = {value}" for key, value in changes.items() if value is not None]
    return f"{' and '.join([*removed, *new])} in {header(name)}"


class _File(NamedTuple):
    facts: Facts
    text: str
    profiles: Mapping[str, Profile]
    target: Profile
    """Role B's."""

    @property
    def own(self) -> str:
        """Another profile that reads the web identity token; empty when there is none."""
        listed = self.profiles.values()
        return next((e.name for e in listed if e.web_identity_token_file and e != self.target), "")


def profile(facts: Facts) -> Link:
    """Check whether the Pod's AWS config file chains as it should."""
    if isinstance(facts, ByToken):
        source, checks = f"a source_profile with {facts.role_arn}", (_source, _own)
    else:
        source, checks = f"credential_source = {CONTAINER_SOURCE}", (_from_agent,)
    check = Check("profile", f"profile {facts.profile} with role B, from {source}")
    file = facts.config_file
    remedy = "mount a ConfigMap with the file, and point AWS_CONFIG_FILE to it"
    if isinstance(file, NotMounted):
        remedy += "; if the image has the file, ask with --role-b instead of --profile"
        return check.failed(f"the container mounts nothing there: {file.what}", remedy)
    if isinstance(file, Unread):
        return check.unknown(file)
    if file is None:
        return check.failed("the Pod mounts no AWS config file", remedy)
    if file.text is None:
        text = f"{file.kind} {file.config_map} has no key {file.key}"
        return check.failed(text, f"create the {file.kind} with that key")
    if roles_between(facts):
        inside = call_inside(facts, "sts", "get-caller-identity")
        return check.unknown(f"profile {facts.profile}: {MORE_ROLES}", remedy=inside)
    for problem in _problems(facts, file.text, checks):
        remedy = describe_correction(file, problem.remedy or "correct the profile")
        return check.failed(problem.found, remedy)
    return check.passed()


def describe_correction(file: ConfigFile, change: str) -> str:
    """Describe a change with the object that holds the file, and the step that makes it count."""
    return f"{change} in {file.kind} {file.config_map}, and restart the Pods"


def _problems(
    facts: Facts, text: str, checks: Sequence[Callable[[_File], Problem | None]]
) -> Iterator[Problem]:
    """The problems of the chaining profile; ``checks`` are those of its source."""
    try:
        by_name = profiles(text)
    except ValueError as error:
        yield Problem(str(error), "")
        return
    target = by_name.get(facts.profile)
    if target is None:
        yield _missing(text, facts.profile, f"no profile {facts.profile}", by_name)
        return
    at = _File(facts, text, by_name, target)
    yield from filter(None, (check(at) for check in (_role_b, *checks, _duration)))


def _missing(text: str, name: str, what: str, known: Mapping[str, Profile]) -> Problem:
    """A profile is not there, or its header lacks the word that only the credentials file lacks."""
    if name in unprefixed(text):
        return Problem(
            f"the file has [{name}] instead of {header(name)}, which SDKs do not see",
            f"write {header(name)} in its place",
        )
    return Problem(f"{what}; there are {', '.join(known) or 'none that can be read'}", "")


def _role_b(at: _File) -> Problem | None:
    if at.target.role_arn:
        return None
    known = at.facts.role_b.role_arn if at.facts.role_b else ""
    better = describe_changes(at.target.name, {"role_arn": known})
    return Problem(f"profile {at.target.name} has no role_arn", better)


def _starts(profile: Profile, setting: str, value: str, start: str) -> Problem | None:
    """A profile gets its caller's credentials by one setting, and no other one."""
    settings = sources(profile)
    if settings == [setting] and getattr(profile, setting) == value:
        return None
    changes = {**dict.fromkeys(settings), setting: value}
    text = f"has {settings[0] if settings else f'no {setting}'}, and so does not start from {start}"
    if len(settings) > 1:
        why = "SDKs treat differently" if TOKEN_FILE in settings else "SDKs refuse"
        text = f"contains both {' and '.join(settings)}, which {why}"
    better = {name: new for name, new in changes.items() if new != getattr(profile, name)}
    return Problem(f"profile {profile.name} {text}", describe_changes(profile.name, better))


def _from_agent(at: _File) -> Problem | None:
    """Role B's profile with an association: the caller's credentials are the agent's."""
    return _starts(at.target, "credential_source", CONTAINER_SOURCE, "the association")


def _source(at: _File) -> Problem | None:
    """Role B's profile: the caller's credentials come from another profile of the file."""
    name = at.target.source_profile
    if problem := _starts(at.target, "source_profile", name or at.own, "role A"):
        return problem
    if name in at.profiles and name != at.target.name:
        return None
    if name in unprefixed(at.text):
        return _missing(at.text, name, "", at.profiles)
    what = "which is itself" if name == at.target.name else "which is no profile of the file"
    better = describe_changes(at.target.name, {"source_profile": at.own})
    return Problem(f"profile {at.target.name} has source_profile {name}, {what}", better)


def _own(at: _File) -> Problem | None:
    """Role A's profile: its role, from the token and nothing else."""
    source = at.profiles[at.target.source_profile]
    if source.role_arn != at.facts.role_arn and source.source_profile:
        return Problem(
            f"source_profile {source.name} has itself a source_profile; {MORE_ROLES}", ""
        )
    if source.role_arn != at.facts.role_arn:
        better = describe_changes(source.name, {"role_arn": at.facts.role_arn})
        named = source.role_arn or "no role"
        return Problem(f"source_profile {source.name} names {named}", better)
    facts = at.facts
    listed = containers_of(facts, facts.pod) if facts.pod else ()
    paths = (variables(container.item.spec).get(TOKEN_FILE_VARIABLE) for container in listed)
    path = source.web_identity_token_file or next(filter(None, paths), "")
    return _starts(source, TOKEN_FILE, path, "the token")


def _duration(at: _File) -> Problem | None:
    seconds = at.target.duration_seconds
    if seconds is None or REFRESH_WINDOW < seconds <= CHAINED_SESSION_MAX:
        return None
    why = (
        "a chained session lasts at most an hour"
        if seconds > CHAINED_SESSION_MAX
        else "SDKs renew a session that close to its end at every request"
    )
    return Problem(
        f"duration_seconds = {seconds} of profile {at.target.name}: {why}",
        describe_changes(at.target.name, {"duration_seconds": str(CHAINED_SESSION_MAX)}),
    )
