"""The sandbox's AWS alone, with an issuer of our own, and one workload's roles in it."""

import json
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import botocore.exceptions
import httpx2
import jwt
import pytest
from botocore import UNSIGNED
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as BotoCredentials
from botocore.session import Session
from cryptography.hazmat.primitives.asymmetric import rsa

from core.tests.decide.policies import document
from core.tests.decide.policies import trust as by_role
from core.tests.decide.web import issuer_trust
from irsa_sandbox.aws.accounts import ACCOUNT_A, ACCOUNT_B, REGION
from irsa_sandbox.aws.clients import AccessKeys, AwsClients
from irsa_sandbox.aws.server import Emulator
from irsa_sandbox.serving.certificates import Authority
from tests.support.world import BUCKET, ISSUER, ISSUER_URL, ROLE_B_ARN, SUBJECT

ROLE_ARN = f"arn:aws:iam::{ACCOUNT_A}:role/team/s3-app"
SUBNETS = ["subnet-00000001", "subnet-00000002"]  # MiniStack's default VPC
VPC = {"subnetIds": SUBNETS}
"""Network of an EKS cluster."""
STS_HOST = f"sts.{REGION}.amazonaws.com"
_REGIONAL = ("ec2", "eks", "s3", "secretsmanager", "sts")
HOSTS = {
    "iam": "iam.amazonaws.com",
    **{name: f"{name}.{REGION}.amazonaws.com" for name in _REGIONAL},
}
"""Hosts that SDKs call."""
KEY, NEXT_KEY, STRANGER = (
    rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(3)
)


class Issuer:
    """The cluster's key set, which rotates, and may be out of reach."""

    def __init__(self) -> None:
        self.keys = {"first": KEY}
        self.reachable = True

    def jwks(self) -> dict[str, Any]:
        if not self.reachable:
            raise OSError("connection refused")
        as_jwk = jwt.algorithms.RSAAlgorithm.to_jwk
        return {
            "keys": [
                {**as_jwk(key.public_key(), as_dict=True), "kid": kid, "alg": "RS256", "use": "sig"}
                for kid, key in self.keys.items()
            ]
        }


def token(key: rsa.RSAPrivateKey = KEY, kid: str = "first", **changed: Any) -> str:
    now = int(time.time())
    claims = {"iss": ISSUER_URL, "aud": ["sts.amazonaws.com"], "sub": SUBJECT, "exp": now + 3600}
    claims |= {"nbf": now, "iat": now, **changed}
    claims = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode(claims, key, "RS256", headers={"kid": kid})


def trust(**condition: str) -> str:
    tests = {f"{ISSUER}:{name}": value for name, value in condition.items()}
    return json.dumps(issuer_trust(StringEquals=tests))


def trusting(principal: Any, **more: Any) -> str:
    return json.dumps(document(by_role({"AWS": principal}, **more)))


def allow(action: str | Sequence[str], *resources: str) -> str:
    return json.dumps(document({"Effect": "Allow", "Action": action, "Resource": [*resources]}))


class Aws:
    """The emulator with one workload's role, and role B behind it."""

    def __init__(self, emulator: Emulator, authority: Authority, issuer: Issuer) -> None:
        self.emulator, self.authority, self.issuer = emulator, authority, issuer
        iam, audience = emulator.client("iam", ACCOUNT_A), "sts.amazonaws.com"
        iam.create_open_id_connect_provider(Url=ISSUER_URL, ClientIDList=[audience, "vault"])
        role = {"Path": "/team/", "MaxSessionDuration": 7200, "RoleName": "s3-app"}
        iam.create_role(AssumeRolePolicyDocument=trust(sub=SUBJECT, aud=audience), **role)
        policy = allow("*", ROLE_B_ARN, f"arn:aws:s3:::{BUCKET}")
        iam.put_role_policy(RoleName="s3-app", PolicyName="s3-app", PolicyDocument=policy)
        emulator.client("s3", ACCOUNT_A).create_bucket(Bucket=BUCKET)
        role = {"RoleName": "s3-app-B", "MaxSessionDuration": 43200}
        role["AssumeRolePolicyDocument"] = trusting(ROLE_ARN)
        emulator.client("iam", ACCOUNT_B).create_role(**role)

    @cached_property
    def unsigned_sts(self) -> Any:
        proxies, once = {"https": self.emulator.proxy}, {"max_attempts": 0}
        unsigned = {"signature_version": UNSIGNED, "parameter_validation": False}
        given = {"config": Config(proxies=proxies, retries=once, **unsigned)}
        given |= {"region_name": REGION, "verify": str(self.authority.ca_file)}
        return Session().create_client("sts", **given)

    def assume(self, web_identity_token: str | None = None, **changed: Any) -> dict[str, Any]:
        request = {"RoleArn": ROLE_ARN, "RoleSessionName": "app", **changed}
        request |= {"WebIdentityToken": web_identity_token or token()}
        return self.unsigned_sts.assume_role_with_web_identity(**request)

    def session(self, **changed: Any) -> AwsClients:
        keys = self.assume(**changed)["Credentials"]
        names = ("AccessKeyId", "SecretAccessKey", "SessionToken")
        credentials = AccessKeys(*(keys[name] for name in names))
        return AwsClients(credentials, self.emulator.proxy, self.authority.ca_file)

    def administrator(self) -> AwsClients:
        return AwsClients(self.emulator.administrator, self.emulator.proxy, self.authority.ca_file)

    def http(
        self, method: str, path: str = "/", *, host: str = STS_HOST, **request: Any
    ) -> httpx2.Response:
        trust_store = ssl.create_default_context(cafile=self.authority.ca_file)
        with httpx2.Client(proxy=self.emulator.proxy, verify=trust_store) as client:
            return client.request(method, f"https://{host}{path}", **request)

    def post(self, content: str | bytes, **headers: str) -> httpx2.Response:
        headers = {"content-type": "application/x-www-form-urlencoded", **headers}
        return self.http("POST", content=content, headers=headers)

    def signed(
        self,
        method: str,
        host: str,
        path: str = "/",
        *,
        service: str,
        credentials: AccessKeys,
        headers: Mapping[str, str] | None = None,
        content: str | bytes = b"",
    ) -> httpx2.Response:
        """Send a request that no SDK would make, signed for a service."""
        request = AWSRequest(method, f"https://{host}{path}", headers=headers or {}, data=content)
        sign = S3SigV4Auth if service == "s3" else SigV4Auth
        sign(BotoCredentials(*credentials), service, REGION).add_auth(request)
        sent = request.prepare()
        return self.http(method, path, host=host, content=sent.body, headers=dict(sent.headers))


@contextmanager
def running_aws(folder: Path) -> Iterator[Aws]:
    """An emulator of the test's own."""
    authority, issuer = Authority.create(folder), Issuer()
    emulator = Emulator(
        folder=folder,
        authority=authority,
        endpoint="https://127.0.0.1:6443",
        issuer_url=ISSUER_URL,
        jwks=issuer.jwks,
    )
    emulator.start()
    try:
        yield Aws(emulator, authority, issuer)
    finally:
        emulator.stop()


def refusal(call: Callable[..., Any], **request: Any) -> tuple[int, str, str]:
    """HTTP status, code and message with which AWS refuses the call."""
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**request)
    answer: Any = error.value.response
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return status, answer["Error"]["Code"], answer["Error"]["Message"]


def network(ec2: Any, *zones: str) -> tuple[str, list[str]]:
    """Make a VPC with a subnet in each of the zones (``a``, ``b``); returns their ids."""
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(
            VpcId=vpc, CidrBlock=f"10.7.{number}.0/24", AvailabilityZone=f"us-east-1{zone}"
        )["Subnet"]["SubnetId"]
        for number, zone in enumerate(zones)
    ]
    return vpc, subnets
