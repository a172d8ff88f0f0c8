"""The name of the session of role A, where a policy decides by it. Pure."""

import json
import re

from irsa.identity.eks import ROLE_ARN_VARIABLE
from irsa.identity.names import check_session_name
from irsa.identity.policy_json import Json
from irsa.observe.facts import Role, Unread
from irsa.observe.pod_spec import Variable
from irsa.verify.facts import SESSION_NAME, ByAssociation, Facts, NotMade, documents_of
from irsa.verify.pod_container import containers_of

VARIABLE = "AWS_ROLE_SESSION_NAME"
UNNAMED = NotMade(
    "a policy goes by the session's name, which is not known here; set AWS_ROLE_SESSION_NAME in "
    "the container, or role_session_name in the profile"
)
_NAMED = re.compile(r'sts:rolesessionname|:assumed-role/|\baroa\w*:(?!\*")|\$\{aws:userid')


def session_name(facts: Facts) -> str | None:
    """Return the name of the role's session, any if no policy goes by it; None if not known."""
    if isinstance(facts, ByAssociation):
        return None
    role_b = facts.role_b.role if facts.role_b else None
    generated = None if goes_by_name(facts.role, role_b, facts.bucket_policy) else SESSION_NAME
    return _given(facts) or generated


def _given(facts: Facts) -> str:
    """Return the one valid name that the Pods send; empty for none, and for several."""
    files, own = facts.pod_profiles, facts.own_profile if facts.profile_only else None
    own = files.get(files[facts.profile].source_profile, own) if facts.profile in files else own
    given = [each.given for each in containers_of(facts)]
    unset = Variable("")
    names = {each.get(VARIABLE, unset).value or "" for each in given if ROLE_ARN_VARIABLE in each}
    names = {own.role_session_name} if own and own.web_identity_token_file else names
    try:
        return check_session_name(names.pop()) if len(names) == 1 else ""
    except ValueError:
        return ""


def goes_by_name(*known: Role | Json | Unread | None) -> bool:
    """Return whether a policy among these may decide by a session's name."""
    return any(_NAMED.search(json.dumps(each).lower()) for e in known for each in documents_of(e))
