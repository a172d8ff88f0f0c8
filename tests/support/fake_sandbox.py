"""The state of a sandbox that does not run."""

from irsa_sandbox.state import FORMAT, SandboxState

STATE = SandboxState(
    format=FORMAT,
    pid=1,
    folder="/sandbox",
    aws_proxy="http://127.0.0.1:1",
    aws_ca_bundle="/sandbox/ca.pem",
    access_key_id="ours",
    secret_access_key="ours",
    root_secret="ours",
    kubernetes_server="https://127.0.0.1:2",
    kubeconfig="/sandbox/kubeconfig",
    issuer_url="https://issuer",
    pod_identity_agent="http://127.0.0.1:4",
    pulumi="/tools/bin/pulumi",
    providers={"aws": 3, "eks": 4, "kubernetes": 5},
    plugins=[],
    snapshots="/sandbox/snapshots",
)
