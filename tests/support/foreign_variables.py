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
    endpoints = [f"AWS_ENDPOINT_URL{service}" for service in ("", "_STS", "_S3", "_IAM", "_EKS")]
    proxies = ("http_proxy", "https_proxy", "all_proxy")  # without NO_PROXY
    certificates = ("AWS_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
    keys = ("SECRET_ACCESS_KEY", "SESSION_TOKEN", "SECURITY_TOKEN", "ROLE_SESSION_NAME")
    theirs = [*(f"AWS_{name}" for name in keys), "PULUMI_CONFIG_PASSPHRASE", "ETCD_NAME"]
    nowhere = ("AWS_CONTAINER_CREDENTIALS_FULL_URI", "PULUMI_BACKEND_URL")
    switches = ("IGNORE_CONFIGURED_ENDPOINT_URLS", "USE_FIPS_ENDPOINT", "USE_DUALSTACK_ENDPOINT")
    return {
        **dict.fromkeys(theirs, "theirs"),  # etcd and MiniStack read variables of their own, too
        **dict.fromkeys(("AWS_PROFILE", "AWS_DEFAULT_PROFILE"), "does-not-exist"),
        **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), "eu-west-9"),
        **dict.fromkeys((f"AWS_{name}" for name in switches), "true"),
        **dict.fromkeys(certificates, str(bundle)),
        **dict.fromkeys([*endpoints, *nowhere, *proxies, *map(str.upper, proxies)], NOWHERE),
        "AWS_ACCESS_KEY_ID": "AKIATHEIRS",
        "AWS_ROLE_ARN": "arn:aws:iam::999999999999:role/theirs",
        "AWS_WEB_IDENTITY_TOKEN_FILE": str(token),
        "AWS_CONFIG_FILE": str(config),
        "AWS_SHARED_CREDENTIALS_FILE": str(credentials),
        "AWS_STS_REGIONAL_ENDPOINTS": "legacy",
        "AWS_DEFAULT_OUTPUT": "table",
        "AWS_PAGER": "false",
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_CLI_AUTO_PROMPT": "on",
        "AWS_DATA_PATH": str(folder),
        "KUBECONFIG": str(kubeconfig),
        "KUBERNETES_SERVICE_HOST": "127.0.0.1",
        "KUBERNETES_SERVICE_PORT": "9",
        "PULUMI_ACCESS_TOKEN": "pul-theirs",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(folder / "missing"),
        "PULUMI_DEBUG_PROVIDERS": "aws:9",
        "PULUMI_HOME": str(folder / "pulumi-home"),
        "PULUMI_STACK": "production",
        "PULUMI_PARALLEL": "1",
        "PULUMI_CONFIG": '{"aws:region": "eu-west-9"}',
        "PULUMI_K8S_SERVER_SIDE_APPLY": "false",
        "GOFLAGS": "-mod=vendor",
        "GOOS": "plan9",
        "GOARCH": "mips",
        "GO111MODULE": "off",
        "SERVICES": "sqs",
        "AUTH": "false",
        "LOG_LEVEL": "DEBUG",
    }
