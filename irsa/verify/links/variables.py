"""Variables of a container with which no SDK reaches STS or gets a session. Pure.

https://docs.aws.amazon.com/sdkref/latest/guide/settings-reference.html
"""

from collections.abc import Iterator, Mapping

from irsa.identity.names import check_session_name
from irsa.identity.regions import partition_of_region
from irsa.observe.facts import Pod
from irsa.observe.pod_spec import Container, Variable
from irsa.verify.facts import Facts
from irsa.verify.links.problems import Problem
from irsa.verify.remedies.pod import remove_variables

REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
ENDPOINTS = ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL")
PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")
AGENT_HOST = "169.254.170.23"
AGENT_PROXIES = ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
ASK_INSIDE = "ask inside the Pod, with --exec"


def unusable_variable(
    facts: Facts, pod: Pod, container: Container, given: Mapping[str, Variable], *, reached: bool
) -> Problem | None:
    """Return the first variable that keeps SDKs from a session; None without one.

    Whether an endpoint or a proxy answers is known only inside the Pod: ``reached`` says that STS
    answered there.
    """
    values = {name: each.value for name, each in given.items() if each.value}
    for name, found in _refused(values, facts):
        commands = remove_variables(facts, pod, container, {name: given[name]})
        return Problem(found, f"correct {name}, or remove it", commands)
    unsure = "" if reached else _elsewhere(values, facts)
    return Problem(unsure, ASK_INSIDE, certain=False) if unsure else None


def _refused(values: Mapping[str, str], facts: Facts) -> Iterator[tuple[str, str]]:
    session = values.get("AWS_ROLE_SESSION_NAME")
    if session and not facts.by_association:
        try:
            check_session_name(session)
        except ValueError as error:
            yield "AWS_ROLE_SESSION_NAME", f"AWS_ROLE_SESSION_NAME, which STS refuses: {error}"
    for name in REGIONS:
        region = values.get(name, "")
        if _is_region(region[:-1]) and not _is_region(region):
            yield name, f"{name}={region} is an availability zone of region {region[:-1]}"


def _elsewhere(values: Mapping[str, str], facts: Facts) -> str:
    """Name what may lead calls to STS or the agent to where nothing answers."""
    for name in REGIONS:
        region = values.get(name, "")
        if region and not _is_region(region):
            return f"{name}={region} is no region that irsa knows"
    if facts.by_association:
        return _past_agent(values)
    ignored = values.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    for name in () if ignored else ENDPOINTS:
        if name in values:
            return f"{name} sends calls to STS to {values[name]}, which may not answer"
    host = f"sts.{values.get('AWS_REGION', 'us-east-1')}.amazonaws.com"
    for name in () if _bypassed(values, host) else PROXIES:
        if name in values:
            return f"{name} sends calls through {values[name]}, which may not answer"
    return ""


def _past_agent(values: Mapping[str, str]) -> str:
    """https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html"""
    for name in () if _bypassed(values, AGENT_HOST) else AGENT_PROXIES:
        if name in values:
            return (
                f"{name} sends calls to the agent through {values[name]}, which may not reach it: "
                f"NO_PROXY lacks {AGENT_HOST}"
            )
    return ""


def _bypassed(values: Mapping[str, str], host: str) -> bool:
    listed = (values.get("NO_PROXY") or values.get("no_proxy") or "").split(",")
    domains = [each.strip().removeprefix("*").removeprefix(".") for each in listed if each.strip()]
    return any(not domain or f".{host}".endswith(f".{domain}") for domain in domains)


def _is_region(name: str) -> bool:
    try:
        partition_of_region(name)
    except ValueError:
        return False
    return True
