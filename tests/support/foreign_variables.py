"""Variables of users' shells, each with a value that stops a program that obeys it."""

from pathlib import Path

import botocore

NOWHERE = "http://127.0.0.1:9"
"""A port without a listener, as a proxy or an endpoint."""


def table(folder: Path) -> dict[str, str]:
    """The variables, with the files that some of them name."""
    config, credentials = folder / "config", folder / "credentials"
    config.write_text(
        f"[default]\nregion = eu-west-9\nendpoint_url = {NOWHERE}\n"
        "ignore_configured_endpoint_urls = true\nrole_arn = arn:aws:iam::999999999999:role/x\n"
        "source_profile = default\n[profile exists]\nregion = eu-west-9\n"
    )
    credentials.write_text(
        "[default]\naws_access_key_id = theirs\naws_secret_access_key = theirs\n"
    )
    bundle = Path(botocore.__file__).with_name("cacert.pem")  # without the sandbox's authority
    token = folder / "token"
    token.write_text("no token\n")
    kubeconfig = folder / "kubeconfig"
    kubeconfig.write_text("no: kubeconfig\n")
    services = ("", "_STS", "_S3", "_IAM", "_EKS")
    proxies = ("http_proxy", "https_proxy", "all_proxy")  # without NO_PROXY
    certificates = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    keys = ("SECRET_ACCESS_KEY", "SESSION_TOKEN", "SECURITY_TOKEN", "ROLE_SESSION_NAME")
    return {
        # AWS: identity
        "AWS_PROFILE": "does-not-exist",
        "AWS_DEFAULT_PROFILE": "does-not-exist-either",
        "AWS_ACCESS_KEY_ID": "AKIATHEIRS",
        **{f"AWS_{name}": "theirs" for name in keys},
        "AWS_ROLE_ARN": "arn:aws:iam::999999999999:role/theirs",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": NOWHERE,
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        # AWS: where
        "AWS_REGION": "eu-west-9",
        "AWS_DEFAULT_REGION": "eu-west-9",
        **{f"AWS_ENDPOINT_URL{service}": NOWHERE for service in services},
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "AWS_USE_FIPS_ENDPOINT": "true",
        "AWS_USE_DUALSTACK_ENDPOINT": "true",
        "AWS_STS_REGIONAL_ENDPOINTS": "legacy",
        **dict.fromkeys(certificates, str(bundle)),
        **dict.fromkeys([*proxies, *map(str.upper, proxies)], NOWHERE),
        # AWS: how tools behave
        "AWS_DEFAULT_OUTPUT": "table",
        "AWS_PAGER": "false",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_CLI_AUTO_PROMPT": "on",
        "AWS_DATA_PATH": str(folder),
        # Kubernetes
        "KUBECONFIG": str(kubeconfig),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": "9",
        # Pulumi
        "PULUMI_ACCESS_TOKEN": "pul-theirs",
        "PULUMI_BACKEND_URL": NOWHERE,
        "PULUMI_CONFIG_PASSPHRASE": "theirs",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(folder / "missing"),
        "PULUMI_DEBUG_PROVIDERS": "aws:9",
        "PULUMI_HOME": str(folder / "pulumi-home"),
        "PULUMI_STACK": "production",
        "PULUMI_PARALLEL": "1",
        "PULUMI_CONFIG": '{"aws:region": "eu-west-9"}',
        "PULUMI_K8S_SERVER_SIDE_APPLY": "false",
        # Python and Go
        "GOFLAGS": "-mod=vendor",
        "GOOS": "plan9",
        "GOARCH": "mips",
        "GO111MODULE": "off",
        # etcd and MiniStack read their own
        "ETCD_NAME": "theirs",
        "SERVICES": "sqs",
        "AUTH": "false",
        "LOG_LEVEL": "DEBUG",
    }
