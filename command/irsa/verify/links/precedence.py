"""The link `precedence`: files, profiles and variables that lead elsewhere than to the role. Pure.

Tried with the AWS CLI, boto3, JavaScript v3 and Go v2; the table of docs/forms.md shows it.
https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
"""

from collections.abc import Iterator, Mapping

from irsa.observe.aws_config import ProfileChain, profile_chain
from irsa.observe.facts import Pod, Unread
from irsa.observe.pod_spec import Variable, access_key, whole_objects
from irsa.observe.pods import selects
from irsa.verify.containers import NO_POD, PodContainer, Problem, link_of, sort_containers
from irsa.verify.facts import ByAssociation, ByToken, Facts
from irsa.verify.link import AS_EXPECTED, Check, Link
from irsa.verify.remedies.pod import change_variables
from irsa_core.identity import eks
from irsa_core.identity.arns import partition_of
from irsa_core.identity.names import check_session_name
from irsa_core.identity.policy_json import Json
from irsa_core.identity.regions import partition_of_region
from irsa_core.identity.sdk_settings import LIMITED, NESTED, is_taken

PROFILE_VARIABLES = ("AWS_PROFILE", "AWS_DEFAULT_PROFILE")
DEFAULT = "default"


def chosen(given: Mapping[str, Variable]) -> dict[str, str]:
    """The profiles that SDKs take, by the variable that names them, which ``default`` has none of;
    empty for a value that is not known.

    Most SDKs take the first; with both variables set, boto3 and the CLI take the second.
    """
    named = {name: given[name].value or "" for name in PROFILE_VARIABLES if name in given}
    return named or {"": DEFAULT}


REGIONS = ("AWS_REGION", "AWS_DEFAULT_REGION")
REGION_KEYS, SESSION_NAME = ("region", "default_region"), "role_session_name"
HOSTS = ("AWS_ENDPOINT_URL", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT")
"""Variables that change the hosts of all services."""
FILE_HOSTS = ("endpoint_url", "services", "use_dualstack_endpoint", "use_fips_endpoint")
AGENT_HOSTS = ("169.254.170.23", "fd00:ec2::23")
"""By whether the cluster has IPv6."""
EVERYWHERE = {"cidr": "0.0.0.0/0"}
DNS_NAMESPACE = {"kubernetes.io/metadata.name": "kube-system"}
DNS_POD = {"k8s-app": "kube-dns", "eks.amazonaws.com/component": "coredns"}
ASK_INSIDE = "ask inside the Pod, with --exec"
NO_PROXY = "no_proxy"
NOT_KNOWN = "a value that cannot be known here"

Doubt = tuple[str, bool]
"""A reason why calls may not arrive, and whether STS's answer inside the Pod settles it."""


def _settings(container: PodContainer) -> Iterator[tuple[str, str | None, str]]:
    """The settings by their keys in the config file, with the values (None for an unknown one) and
    the names in findings; a variable wins over the file."""
    facts, profiles = container.facts, container.files.profiles
    for name, variable in container.given.items():
        key = name.removeprefix("REQUESTS_").removeprefix("AWS_").lower()
        read = name in (f"AWS_{key.upper()}", "REQUESTS_CA_BUNDLE") and key not in NESTED
        if read and (key != SESSION_NAME or isinstance(facts, ByToken)):
            yield key, variable.value, name
    own_profile = facts.own_profile.name if facts.own_profile else ""
    used = {facts.profile, own_profile, *chosen(container.given).values()}
    for profile in sorted(profiles.keys() & used):
        for key, value in profiles[profile].settings.items():
            if f"AWS_{key.upper()}" not in container.given:
                yield key, value, f"{key} of profile {profile}"


def unusable_variable(container: PodContainer, *, reached: bool) -> Problem | None:
    """Return what keeps SDKs from a session, or may; None without it.

    Whether an endpoint or a proxy answers is known only inside the Pod: ``reached`` says that STS
    answered there.
    """
    env, faults = container.given, [*_faults(container)]
    if wrong := {name: (text, right) for name, text, right in faults if right is not None}:
        of_it = {name: env[name] for name in wrong if name in env}
        right = {name: value for name, (_, value) in wrong.items() if value and name in env}
        steps = [f"set {name}={value}" for name, value in right.items()]
        steps += [f"remove {name}" for name in of_it if name not in right]
        steps += [f"correct {name}" for name in wrong if name not in env]
        remedy = change_variables(container, of_it, " and ".join(steps), right)
        return Problem("; ".join(text for text, _ in wrong.values()), *remedy)
    values = {name: NOT_KNOWN if e.value is None else e.value for name, e in env.items()}
    values = {name: value for name, value in values.items() if value or name.lower() == NO_PROXY}
    address = AGENT_HOSTS["fd00:" in values.get(eks.CREDENTIALS_URI_VARIABLE, "")]
    address = address if isinstance(container.facts, ByAssociation) else ""
    doubts = [
        *((text, True) for _, text, right in faults if right is None),
        *_elsewhere(container, values),
        *_proxies(container.facts, values, address),
        *_network_policies(container.facts, container.pod, address),
    ]
    unsure = [doubt for doubt in doubts if not (reached and doubt[1])]
    settled = all(by_sts for _, by_sts in unsure)
    remedy = ASK_INSIDE if settled else "list the bucket inside the Pod"
    text = "; ".join(text for text, _ in unsure)
    return Problem(text, remedy, certain=False) if unsure else None


def _faults(container: PodContainer) -> Iterator[tuple[str, str, str | None]]:
    """The settings that are wrong, each with the finding and the right value, if any; with None in
    its place the setting may be right: its value, or the file that it names, was not read."""
    facts = container.facts
    role, region = partition_of(facts.role_arn), region_of(facts.region)
    for key, value, name in _settings(container):
        if name == eks.RELATIVE_URI_VARIABLE and isinstance(facts, ByAssociation):
            yield name, f"{name}: every SDK asks ECS's address in place of the agent", ""
        if value is None and key in (*LIMITED, *REGION_KEYS, SESSION_NAME):
            yield name, f"{name} has {NOT_KNOWN}", None
        if value is not None and not is_taken(key, value):
            yield name, f"{name} {value!r}: boto3 and the AWS CLI refuse it before any call", ""
        if value and key == SESSION_NAME:
            try:
                check_session_name(value)
            except ValueError as error:
                yield name, f"{name}, which STS refuses: {error}", ""
        if value and key == "ca_bundle":
            file, objects = container.read((name, ""), {name: Variable(value)}), facts.objects
            if isinstance(file, Unread):
                yield name, file.text, None
            elif file and file.text is None and (file.kind, file.config_map) in objects:
                lacks = f"{file.kind} {file.config_map} has no such key"
                yield name, f"{name}={value}: {lacks}", None
        if not value or key not in REGION_KEYS:
            continue
        right = region_of(value)
        if not right:
            yield name, f"{name}={value} is not the name of a region", None
        elif facts.role_arn and partition_of_region(right) != role:
            fits = region if region and partition_of_region(region) == role else ""
            yield name, f"{name}={value}, and the role is in partition {role}", fits
        elif right != value:
            zone = f"{value.strip()} is an availability zone of region {right}"
            blank = f"{value!r} has white space around the region"
            yield name, f"{name}={blank if value.strip() == right else zone}", right


def region_of(value: str) -> str:
    """Return the region that a value means: one in white space, or a zone's; empty for none."""
    for name in (value.strip(), value.strip()[:-1]):
        try:
            partition_of_region(name)
        except ValueError:
            continue
        return name
    return ""


def _elsewhere(container: PodContainer, values: Mapping[str, str]) -> Iterator[Doubt]:
    """Settings that change the addresses of STS or S3."""
    facts, profiles = container.facts, container.files.profiles.values()
    ignored = values.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() == "true"
    by_sts = isinstance(facts, ByToken) or (facts.through_role_b and not facts.target_role)
    names = [*HOSTS, *(["AWS_ENDPOINT_URL_STS"] if by_sts else [])]
    for name in [*names, "AWS_ENDPOINT_URL_S3"] if facts.bucket else names:
        value = values.get(name, "false")
        if value.lower() != "false" and not (ignored and "_URL" in name):
            text = f"{name}={value} changes where calls go, and nothing may answer there"
            yield text, name.endswith("_STS") or not facts.bucket
    # A program may choose any profile.
    keys = {key for profile in profiles for key in profile.settings}
    for key in sorted(keys.intersection(FILE_HOSTS)):
        text = f"{key} of its AWS config file changes where calls go"
        yield f"{text}, and nothing may answer there", not facts.bucket
    for alias in container.pod.spec.get("hostAliases") or ():
        for host in alias.get("hostnames") or ():
            if "amazonaws.com" in host or host.endswith(".api.aws"):
                text = f"hostAliases send {host} to {alias['ip']}, which may not answer"
                yield text, host.startswith("sts.")


def _proxies(facts: Facts, values: Mapping[str, str], address: str) -> Iterator[Doubt]:
    """https://docs.aws.amazon.com/eks/latest/userguide/pod-id-how-it-works.html"""
    region = values.get("AWS_REGION", "us-east-1")
    domain = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    of_s3 = [f"s3.{region}.{domain}", *(["s3.amazonaws.com"] if region == "us-east-1" else [])]
    hosts = [f"sts.{region}.{domain}", *(of_s3 if facts.bucket else [])]
    past = [host for host in hosts if not _bypassed(values, host)]
    for name, value in values.items():
        kind, through = name.lower(), f"through {value}, which may not"  # Python takes any case
        if kind in ("https_proxy", "all_proxy") and past:
            yield f"{name} sends calls to {past[0]} {through} answer", past[0] == hosts[0]
        to_agent = address and not _bypassed(values, address)
        if kind in ("http_proxy", "all_proxy") and to_agent:
            lacks = f"NO_PROXY lacks {address}"
            yield f"{name} sends calls to the agent {through} reach it: {lacks}", True


def _bypassed(values: Mapping[str, str], host: str) -> bool:
    """Return whether every SDK goes past the proxy: they differ in patterns and ranges."""

    def fits(entry: str) -> bool:
        domain = entry.removeprefix(".")
        return entry in ("*", host, f"[{host}]") or (bool(domain) and host.endswith(f".{domain}"))

    given = [value.split(",") for name, value in values.items() if name.lower() == NO_PROXY]
    return bool(given) and all(any(fits(e.strip()) for e in entries) for entries in given)


def _network_policies(facts: Facts, pod: Pod, address: str) -> Iterator[Doubt]:
    """The policies that select the Pod, if together they may not let its calls out.

    https://kubernetes.io/docs/concepts/services-networking/network-policies/
    """
    listed = () if pod.spec.get("hostNetwork") else facts.network_policies
    if isinstance(listed, Unread):
        yield listed.text, True
        return
    policies = [policy for policy in listed if _limits(policy.get("spec") or {}, pod)]
    rules: list[Json] = [rule for policy in policies for rule in policy["spec"].get("egress") or ()]
    ways = [(53, "DNS"), (443, "AWS"), *([(80, address)] if address else [])]
    closed = [f"{to}:{port}" for port, to in ways if not any(_is_open(e, port, to) for e in rules)]
    if policies and closed:
        names = ", ".join(policy["metadata"]["name"] for policy in policies)
        text = f"NetworkPolicy {names} may not let the Pod out to {', '.join(closed)}"
        yield f"{text}, where the cluster's network enforces it", True


def _limits(spec: Json, pod: Pod) -> bool:
    types = spec.get("policyTypes") or ["Egress"] * bool(spec.get("egress"))
    return "Egress" in types and selects(spec.get("podSelector") or {}, pod.labels)


def _is_open(rule: Json, port: int, to: str) -> bool:
    """Return whether an egress rule is certainly for a port of a host, or of CoreDNS on EKS."""
    peers: list[Json] = rule.get("to") or [{"ipBlock": EVERYWHERE}]
    blocks: list[Json] = [peer.get("ipBlock") or {} for peer in peers]
    alone = {"cidr": f"{to}/{128 if ':' in to else 32}"}
    protocol = "UDP" if to == "DNS" else "TCP"
    ports = rule.get("ports") or [{"protocol": protocol}]
    listed = [e.get("port", port) for e in ports if e.get("protocol", "TCP") == protocol]
    spaces = [e for e in peers if to == "DNS" and e.get("namespaceSelector") is not None]
    dns = [e for e in spaces if selects(e["namespaceSelector"], DNS_NAMESPACE)]
    there = any(selects(peer.get("podSelector") or {}, DNS_POD) for peer in dns)
    return port in listed and (there or EVERYWHERE in blocks or alone in blocks)


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
    judged, _, _ = sort_containers(facts)
    findings = {e: problem(e, reached=e.item.name == asked) for e in judged}
    by_eks = isinstance(facts, ByAssociation)
    well = "the credentials of the association win" if by_eks else AS_EXPECTED
    return link_of(check, findings, well)


def problem(container: PodContainer, *, reached: bool) -> Problem | None:
    """Return the first setting that keeps the container from its role; None without one."""
    if keys := _keys(container):
        return keys
    refused, objects = container.files.refused, container.facts.objects
    if refused:
        return Problem(f"{refused}; the AWS CLI and boto3 stop there", "correct the file")
    choices = chosen(container.given).items()
    of_profiles = (_profile(container, name, variable) for variable, name in choices)
    finding = next(filter(None, of_profiles), None) or _web_identity(container)
    if finding := finding or unusable_variable(container, reached=reached):
        return finding
    sources = (objects.get((e.kind, e.name)) for e in whole_objects(container.item.spec))
    unread = next((source for source in sources if isinstance(source, Unread)), None)
    return Problem(unread.text, unread.remedy, certain=False) if unread else None


def _keys(container: PodContainer) -> Problem | None:
    """Static credentials: every SDK takes them first. Empty ones, or a secret alone, none does."""
    facts, env = container.facts, container.given
    if access_key(env) is None:
        return None
    taken = {name: env[name] for name in KEY_VARIABLES if name in env}
    whole = [variable for variable in taken.values() if variable.whole]
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
    env = container.given
    both = env.keys() >= {eks.TOKEN_FILE_VARIABLE, eks.CREDENTIALS_URI_VARIABLE}
    if isinstance(container.facts, ByToken) or not both:
        return None
    taken = {name: env[name] for name in eks.WEB_IDENTITY_VARIABLES if name in env}
    role_arn = env[eks.ROLE_ARN_VARIABLE].value if eks.ROLE_ARN_VARIABLE in env else ""
    return Problem(
        f"{' and '.join(taken)} set by hand: in this Pod {role_arn or 'a web identity'} wins over "
        "the association, in every SDK",
        *change_variables(container, taken, "remove them"),
    )


def _profile(container: PodContainer, name: str, variable: str) -> Problem | None:
    if name not in container.files.profiles:
        return _no_profile(container, name, variable)
    if name == container.facts.profile:
        return None  # which the link `profile` judges
    leads = profile_chain(container.files.profiles, name)
    effect, certain = _leads_elsewhere(container.facts, leads) or ("", True)
    if not effect:
        return None
    choice = f"{variable}={name}" if variable else "the profile [default]"
    if not certain:
        remedy = f"if that is intended, ask with --profile {name}"
        return Problem(f"{choice}: {effect}", remedy, certain=False)
    if not variable:
        what = "the role" if leads.roles else _held(leads.start)
        return Problem(f"{choice}: {effect}", f"take {what} out of {choice}")
    remedy, taken = f"remove {variable}, or correct the profile", container.given[variable]
    return Problem(f"{choice}: {effect}", *change_variables(container, {variable: taken}, remedy))


def _leads_elsewhere(facts: Facts, leads: ProfileChain) -> tuple[str, bool] | None:
    """Return a profile's effect, and whether it is certain; None if it keeps the role."""
    if leads.problem:
        return f"{leads.problem}; boto3 and the AWS CLI stop there", True
    if not leads.start:
        return None
    if not leads.roles:
        before = JAVASCRIPT if isinstance(facts, ByToken) else "every SDK takes it"
        return f"it holds {_held(leads.start)}; {before} before the role", True
    target = facts.role_b.role_arn if facts.role_b else ""
    roles = leads.roles if facts.source.roles else (facts.role_arn, *leads.roles)
    first, last = roles[0], roles[-1]
    if leads.start != facts.source.start:
        return f"it leads to {last}, from {_held(leads.start)}; {FOLLOWERS}", True
    if len(roles) == 1:
        fits = first == facts.role_arn or not facts.role_arn
        return None if fits else (f"it leads to {first}; {JAVASCRIPT} before the role", True)
    if first == facts.role_arn:
        fits = facts.profile or last == target
        return None if fits else (f"it goes on to {last}; {FOLLOWERS}", False)
    return f"it leads to {last}, from {first}; {FOLLOWERS}", True


def _held(start: str) -> str:
    return {
        "keys": "a static key",
        "credential_process": "a credential_process",
        "sso": "an SSO session",
        "token": "a web identity token",
    }.get(start, f"credential_source {start}")


def _no_profile(container: PodContainer, name: str, variable: str) -> Problem | None:
    """No such profile: harmless for [default], and fatal for one that a variable names."""
    unread, setting = container.files.unread, container.given.get(variable)
    if setting and setting.value is None:
        text = f"{variable} is set, and its value cannot be known here"
        return Problem(text, ASK_INSIDE, certain=False)
    if unread:
        text = f"{variable}={name}; {unread.text}" if setting else unread.text
        return Problem(text, unread.remedy, certain=False)
    if setting is None:
        return None
    source = f"{setting.kind} {setting.object}" if setting.whole else "the template"
    whole = f" through envFrom of {source}" if setting.whole else ""
    remedy = f"remove the variable from {source}, or mount a config file with the profile"
    return Problem(
        f"{variable}={name}{whole}, and the Pod's AWS config file has no such profile: SDKs fail, "
        "or use the node's role",
        *change_variables(container, {variable: setting}, remedy),
    )
