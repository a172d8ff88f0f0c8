"""A cluster and an account in files: the JSON that `kubectl` and `aws` print, one or several.

A file of another tool, or one page of several, raises `CollectError`: one line with the option, the
file, what it holds, and the command that writes what belongs there.
"""

import json
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

from irsa import PROGRAM
from irsa.identity.arns import parse_provider_arn, provider_arn_for
from irsa.identity.policy_json import Json, as_list, mapping, mappings
from irsa.observe.errors import CollectError, one_line
from irsa.observe.facts import RegisteredProvider, ServiceAccount
from irsa.observe.iam import FIELDS, AccountPrincipals, IamReader
from irsa.observe.kubernetes import service_account_of
from irsa.observe.pods import FleetPod, fleet_pod

GET_ACCOUNTS = "kubectl get serviceaccounts --all-namespaces --output json"
GET_PODS = "kubectl get pods --all-namespaces --output json"
GET_ROLES = "aws iam get-account-authorization-details --filter Role LocalManagedPolicy"
LIST_PROVIDERS = "aws iam list-open-id-connect-providers"
GET_PROVIDER = "aws iam get-open-id-connect-provider"


class Saved(NamedTuple):
    """Files that an option names."""

    option: str
    """Such as ``--roles``."""
    files: Sequence[str]
    """``-`` is standard input."""
    command: str
    """The command that writes such a file."""

    def documents(self) -> Iterator[tuple[str, Json]]:
        """File and JSON object, for each that the files hold; raises `CollectError`."""
        for file, document in self.values():
            if not isinstance(document, dict):
                raise self.error(file, "it does not hold JSON objects")
            yield file, cast("Json", document)

    def values(self) -> Iterator[tuple[str, object]]:
        """File and JSON value, likewise."""
        decoder = json.JSONDecoder()
        for file in self.files:
            text = self._text(file).strip()
            if not text:
                raise self.error(file, "it is empty")
            while text:
                try:
                    document, end = cast("tuple[object, int]", decoder.raw_decode(text))
                except (ValueError, RecursionError) as error:
                    raise self.error(file, f"it is not JSON: {one_line(error)}") from None
                yield file, document
                text = text[end:].lstrip()

    def error(self, file: str, found: str) -> CollectError:
        """The problem of a file, and the fix."""
        return CollectError(f"{self.option} {file}: {found}; give what `{self.command}` prints")

    def _text(self, file: str) -> str:
        try:
            raw = sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes()
            # A shell of Windows writes UTF-16.
            return raw.decode(json.detect_encoding(raw)).removeprefix("\ufeff")
        except UnicodeDecodeError:
            raise self.error(file, "it is not text") from None
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            raise self.error(file, one_line(error)) from None


def report(file: str, command: str, fields: Collection[str]) -> list[Json]:
    """The entries of a JSON report of a command, all of which have these fields."""
    saved = Saved("--since", [file], f"{PROGRAM} {command} --output json")
    [(_, document), *more] = saved.values()
    entries: object = mapping(document).get("service_accounts", document)
    whole = isinstance(entries, list) and all(
        mapping(each).keys() >= {*fields} for each in cast("list[object]", entries)
    )
    if more or not whole:
        raise saved.error(file, f"it is not a report of {command}")
    return mappings(cast("object", entries))


def service_accounts(files: Sequence[str]) -> list[ServiceAccount]:
    """The service accounts of a cluster, each once."""
    saved = Saved("--service-accounts", files, GET_ACCOUNTS)
    found = map(service_account_of, objects_of(saved, "ServiceAccount"))
    return list({(each.namespace, each.name): each for each in found}.values())


def pods(files: Sequence[str]) -> list[FleetPod]:
    """The Pods of a cluster that have not ended, each once."""
    saved = Saved("--pods", files, GET_PODS)
    found: dict[tuple[str, str], FleetPod] = {}
    for document in objects_of(saved, "Pod"):
        try:
            pod = fleet_pod(document)
        except (AttributeError, KeyError, TypeError):
            metadata = document["metadata"]
            name = f"{metadata['namespace']}/{metadata['name']}"
            raise saved.error(" ".join(files), f"Pod {name} has no valid spec") from None
        if pod is not None:
            found[pod.namespace, pod.name] = pod
    return list(found.values())


def objects_of(saved: Saved, kind: str) -> Iterator[Json]:
    """The objects of a kind among what `kubectl get` printed, which may hold others, too."""
    pages: list[tuple[str, bool]] = []
    for file, document in saved.documents():
        if document.get("kind") != "List":
            raise saved.error(file, f"it holds {_title(document)} instead of objects of {kind}")
        items = mappings(document.get("items") or [])
        pages.append((file, bool(mapping(document.get("metadata")).get("continue"))))
        of_kind = [each for each in items if each.get("kind") == kind]
        if items and not of_kind:
            others = ", ".join(sorted({str(each.get("kind")) for each in items}))
            raise saved.error(file, f"it holds objects of {others} instead of {kind}")
        for each in of_kind:
            _check_names(saved, file, each, kind)
            yield each
    _check_last(saved, pages)


def _check_names(saved: Saved, file: str, item: Json, kind: str) -> None:
    metadata = mapping(item.get("metadata"))
    for field in ("namespace", "name"):
        if not isinstance(metadata.get(field), str):
            raise saved.error(file, f"it holds a {kind} without metadata.{field}")
    if not all(isinstance(each, str) for each in mapping(metadata.get("annotations")).values()):
        name = f"{metadata['namespace']}/{metadata['name']}"
        raise saved.error(file, f"an annotation of {kind} {name} is not a text")


def roles(files: Sequence[str]) -> AccountPrincipals:
    """The roles of one account, from all pages of its listing."""
    saved, reader = Saved("--roles", files, GET_ROLES), IamReader()
    pages: list[tuple[str, bool]] = []
    for file, document in saved.documents():
        if not any(isinstance(document.get(field), list) for field in FIELDS):
            raise saved.error(file, f"it holds {_title(document)} instead of roles")
        pages.append((file, bool(document.get("IsTruncated") or document.get("NextToken"))))
        try:
            reader.add(document)
        except ValueError as error:
            raise saved.error(file, str(error)) from None
    _check_last(saved, pages)
    listed = reader.result()
    accounts = sorted({role.account for role in listed.roles})
    if not accounts:
        raise saved.error(" ".join(files), "it holds no role")
    if len(accounts) > 1:
        found = f"roles of the accounts {' and '.join(accounts)}, of which one at a time is read"
        raise saved.error(" ".join(files), found)
    return listed


def _check_last(saved: Saved, pages: Sequence[tuple[str, bool]]) -> None:
    """Refuse a listing with further pages: their entries would count as missing."""
    if pages and all(goes_on for _, goes_on in pages):
        raise saved.error(pages[-1][0], "it is one page of a longer listing; give all pages")


@dataclass(frozen=True, slots=True)
class SavedProviders:
    """The OIDC providers of an account, as far as they were saved."""

    providers: tuple[RegisteredProvider, ...]
    listed: bool
    """True if these are all that the account has."""
    undetailed: frozenset[str] = frozenset()
    """ARNs of those of which only the ARN is known."""


def providers(files: Sequence[str], roles_account: str, partition: str) -> SavedProviders:
    """Read the saved OIDC providers of an account."""
    command = f"{LIST_PROVIDERS}` and `{GET_PROVIDER}"
    saved = Saved("--providers", files, command)
    listed: list[str] = []
    known: dict[str, RegisteredProvider] = {}
    is_listed = False
    for file, document in saved.documents():
        if isinstance(document.get("OpenIDConnectProviderList"), list):
            is_listed = True
            for each in mappings(document["OpenIDConnectProviderList"]):
                arn = str(each.get("Arn"))
                parsed = parse_provider_arn(arn)
                if parsed is None or parsed.account != roles_account:
                    found = f"{arn} is no OIDC provider of account {roles_account}"
                    raise saved.error(file, f"{found}, whose roles are read")
                listed.append(arn)
        elif isinstance(document.get("Url"), str) and "ClientIDList" in document:
            arn = provider_arn_for(document["Url"], roles_account, partition=partition)
            known[arn] = RegisteredProvider(
                arn, _texts(document["ClientIDList"]), _texts(document.get("ThumbprintList"))
            )
        else:
            raise saved.error(file, f"it holds {_title(document)} instead of OIDC providers")
    bare = [arn for arn in dict.fromkeys(listed) if arn not in known]
    everything = [*known.values(), *(RegisteredProvider(arn, ()) for arn in bare)]
    return SavedProviders(tuple(everything), is_listed, frozenset(bare))


def _texts(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in as_list(value or []))


def _title(document: Json) -> str:
    """Return the kind of a JSON object, for an error."""
    if isinstance(document.get("kind"), str):
        return f"an object of {document['kind']}"
    keys = ", ".join(list(document)[:3]) or "nothing"
    return f"JSON with the keys {keys}{', …' if len(document) > 3 else ''}"
