"""A Pod's container laid out on disk, the API server being played."""

import contextlib
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from irsa_sandbox.pods.process import PodProcess, map_paths, pod_process
from irsa_sandbox.pods.spec import PodNotReady
from tests.support.fake_kubernetes import client_of, status
from tests.support.fake_pods import CONFIG, POD, TOKEN_PATH, Api, pod_of

ROOT = Path("/private/root")
NO_CONFIG = pod_of(
    {"volumeMounts": [{"name": "v", "mountPath": "/v"}]},
    [{"name": "v", "configMap": {"name": "gone"}}],
)


@pytest.fixture
def running(tmp_path, monkeypatch):
    """Lay out a Pod; the caller's environment is full of what must not get in."""
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "KUBECONFIG", "SOMETHING"):
        monkeypatch.setenv(name, "the caller's")

    def start(pod: Any = POD, api: Any = None, on_note: Any = print, **options: Any):
        client = client_of(api or Api())
        return pod_process(client, tmp_path / "exec", pod, on_note=on_note, **options)

    return start


def content(process: PodProcess, path: str) -> str:
    return Path(f"{process.root}{path}").read_text()


def files(process: PodProcess) -> dict[str, int]:
    """Return the mode of every file by its path, also of those beside the container's root."""
    found = [path for path in process.root.parent.rglob("*") if path.is_file()]
    return {
        f"/{path.relative_to(process.root)}": stat.S_IMODE(path.stat().st_mode) for path in found
    }


def test_the_environment_is_the_containers_and_little_else(running, monkeypatch):
    monkeypatch.setenv("PATH", "/usr/bin")
    monkeypatch.setenv("LANG", "C")
    with running(extra_env={"AWS_ENDPOINT_URL": "https://127.0.0.1:1"}) as process:
        assert process.env == {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin",
            "LANG": "C",
            "HOME": str(process.root.parent / "home"),
            "HOSTNAME": "s3-app-1",
            "AWS_WEB_IDENTITY_TOKEN_FILE": f"{process.root}{TOKEN_PATH}/token",
            "AWS_CONFIG_FILE": f"{process.root}/etc/aws/config",
            "PLAIN": "/etc/passwd",
            "AWS_ENDPOINT_URL": "https://127.0.0.1:1",
        }


def test_volumes_are_mounted_privately_and_paths_mapped_in_config_maps_alone(running):
    notes, api = [], Api()
    mounts = f"/etc/aws, /host, /keys, /tmp, /var/cache, {TOKEN_PATH}"
    with running(api=api, on_note=notes.append) as process:
        mapped = CONFIG.replace(TOKEN_PATH, f"{process.root}{TOKEN_PATH}")
        assert content(process, "/etc/aws/config") == mapped
        assert content(process, "/keys/config") == CONFIG
        assert content(process, f"{TOKEN_PATH}/token") == "token-1"
        assert notes == [
            "volume host is an empty folder here: /host",
            f"mount paths are below {process.root} here: {mounts}",
        ]
        paths = (f"{TOKEN_PATH}/token", "/etc/aws/config", "/keys/config")
        assert files(process) == dict(zip(paths, (0o600, 0o600, 0o400), strict=True))
        assert stat.S_IMODE(process.root.parent.stat().st_mode) == 0o700
        Path(f"{process.root}/tmp/file").write_text("shared")
        assert content(process, "/var/cache/file") == "shared", "one emptyDir, mounted twice"
    bound = {"apiVersion": "v1", "kind": "Pod", "name": "s3-app-1", "uid": "u-1"}
    asked = {"audiences": ["sts.amazonaws.com"], "expirationSeconds": 86400}
    assert api.requests == [{**asked, "boundObjectRef": bound}]


def test_a_container_is_chosen_by_name_and_nothing_is_left_afterwards(running, tmp_path):
    folder = tmp_path / "exec"
    with running(container="sidecar") as process:
        assert process.mount_paths == ()
    message = "pod s3-app-1 has no container 'web'; it has app, sidecar"
    with pytest.raises(LookupError, match=message), running(container="web"):
        pass
    with contextlib.suppress(ZeroDivisionError), running():
        assert list(folder.iterdir())
        raise ZeroDivisionError
    assert list(folder.iterdir()) == []


@pytest.mark.cases(("pod", "api", "message"), {
    "token": (POD, lambda r: status(403, "no token") if r.method == "POST" else Api()(r),
        ".*no token"),
    "ConfigMap": (NO_CONFIG, Api(), '.*configmap "gone" not found'),
    "service account": ({**POD, "spec": {**POD["spec"], "serviceAccountName": "gone"}}, Api(),
        "FailedMount: no token for service account 'gone': .*/token not found"),
})  # fmt: skip
def test_what_is_missing_is_named_and_nothing_is_left(running, tmp_path, pod, api, message):
    with pytest.raises(PodNotReady, match=f"^{message}$"), running(pod, api=api):
        pass
    assert list((tmp_path / "exec").iterdir()) == []


@pytest.mark.cases(("mount", "shown"), {
    "path within the volume": ({"subPath": "config"}, ["/v"]),
    "path that is not there": ({"subPath": "none"}, []),
    "path from a variable": ({"subPathExpr": "$(KEY)"}, ["/v"]),
    "path with dots": ({"mountPath": "/a/../../v"}, ["/v/config"]),
    "slash at the end": ({"mountPath": "/v/"}, ["/v/config"]),
})  # fmt: skip
def test_a_mount_shows_its_part_of_the_volume_where_it_may(running, mount, shown):
    mounts = [{"name": "v", "mountPath": "/v", **mount}]
    container = {"env": [{"name": "KEY", "value": "config"}], "volumeMounts": mounts}
    with running(pod_of(container, [{"name": "v", "secret": {"secretName": "keys"}}])) as process:
        assert [*files(process)] == shown
        assert [content(process, path) for path in shown] == [CONFIG] * len(shown)


def test_a_token_is_replaced_before_it_expires(running):
    with running(api=Api(lifetime=0.0)) as process:
        token = Path(process.env["AWS_WEB_IDENTITY_TOKEN_FILE"])
        while token.read_text() == "token-1":  # an end of the test run is the only deadline
            pass
        assert token.read_text().startswith("token-")
        assert stat.S_IMODE(token.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "mapped"),
    [
        ("/tmp", f"{ROOT}/tmp"),
        ("/tmp/a", f"{ROOT}/tmp/a"),
        ("dir=/tmp/a", f"dir={ROOT}/tmp/a"),
        ("/tmp:/etc/aws", f"{ROOT}/tmp:{ROOT}/etc/aws"),
        ("a = /etc/aws/config\nb='/tmp'", f"a = {ROOT}/etc/aws/config\nb='{ROOT}/tmp'"),
        ("/tmp/deep/x", f"{ROOT}/tmp/deep/x"),
        *((text, text) for text in ("/tmpfs", "/tmp.d", "/tmp-1", "/var/tmp", "./tmp", "~/tmp")),
        *((text, text) for text in ("s3://tmp/key", "https://host/tmp", "/etc/awsome", "/etc")),
    ],
)
def test_only_a_path_of_its_own_is_mapped(text, mapped):
    assert map_paths(text, ("/tmp", "/tmp/deep", "/etc/aws"), ROOT) == mapped
    assert map_paths(text, (), ROOT) == text


def test_the_agents_address_is_mapped_and_no_other():
    for text, mapped in (
        ("http://169.254.170.23/v1/credentials", "http://127.0.0.1:5/v1/credentials"),
        ("uri = http://169.254.170.23:80/v1", "uri = http://127.0.0.1:5/v1"),
        *((f"http://169.254.170.23{more}/",) * 2 for more in ("1", ":8080")),
    ):
        assert PodProcess({}, ROOT, (), "http://127.0.0.1:5").local(text) == mapped
        assert PodProcess({}, ROOT, ()).local(text) == text
