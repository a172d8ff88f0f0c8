import * as irsa from "@pulumi/irsa";
import * as pulumi from "@pulumi/pulumi";

const providerArn = new pulumi.Config().require("providerArn"); // of the cluster
const bucket = new irsa.DataBucket("reports", { bucketName: "acme-reports", policies: { reports: "read" } });
const role = new irsa.ServiceAccountRole("reports", {
    roleName: "reports",
    providerArns: [providerArn],
    subjects: [{ namespace: "reporting", name: "reports" }],
    policyArns: { bucket: bucket.policyArns.apply(arns => arns["reports"]) },
});
const container = { image: "public.ecr.aws/aws-cli/aws-cli:2.31.0", command: ["sleep", "infinity"] };
new irsa.Workload("reports", {
    namespace: "reporting", serviceAccountName: "reports", roleArn: role.roleArn, container,
});
