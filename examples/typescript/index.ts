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

const bucket = new irsa.DataBucket("reports", {
    bucketName: "acme-reports",
    forceDestroy: true,
    policies: { reports: "read" },
});
const role = new irsa.ServiceAccountRole("reports", {
    roleName: "reports",
    providerArns: [cluster.providerArn],
    subjects: ["reporting/reports"],
    policyArns: { bucket: bucket.policyArns["reports"] },
});
new irsa.Workload("reports", {
    namespace: "reporting",
    roleArn: role.roleArn,
    container: { image: "public.ecr.aws/aws-cli/aws-cli:2.31.0", command: ["sleep", "infinity"] },
}, { providers: [inCluster], dependsOn: [namespace] });
