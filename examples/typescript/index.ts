// An existing cluster, and a workload in it that reads its bucket through a role.
import * as irsa from "@irsa/irsa";
import * as kubernetes from "@pulumi/kubernetes";
import * as pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const cluster = new irsa.EksCluster("platform", {
    clusterName: "platform",
    existing: true,
    providerArn: config.get("providerArn"), // without it, the cluster's is looked up
});
const inCluster = new kubernetes.Provider("platform", {
    kubeconfig: cluster.kubeconfig,
    clusterIdentifier: cluster.issuerUrl, // else a new certificate replaces all
    enableConfigMapMutable: true,
    enableSecretMutable: true,
});
const namespace = new irsa.Namespace("reporting", { namespace: "reporting", forceDestroy: true }, {
    providers: [inCluster],
});

const serviceAccount = { namespace: "reporting", name: "reports" };
const bucket = new irsa.DataBucket("reports", {
    forceDestroy: true,
    managedPolicies: ["read"],
});
const role = new irsa.ServiceAccountRole("reports", {
    providerArns: [cluster.providerArn],
    serviceAccounts: [serviceAccount],
    policyArns: { bucket: bucket.readPolicyArn },
});
const podSpec: kubernetes.types.input.core.v1.PodSpec = {
    containers: [{
        name: "web",
        image: "registry.example/reports:1.4",
        env: [{ name: "BUCKET", value: bucket.bucketName }],
        ports: [{ containerPort: 8080, name: "http" }],
        readinessProbe: { httpGet: { path: "/ready", port: "http" } },
    }],
};
new irsa.Workload("reports", {
    serviceAccount: serviceAccount,
    roleArn: role.roleArn,
    podSpec: podSpec,
}, { providers: [inCluster], dependsOn: [namespace] });
