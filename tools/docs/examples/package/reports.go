package main

import (
	"example.com/pulumi-irsa/sdk/go/irsa"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func reports(ctx *pulumi.Context, providerArn string) error {
	bucket, err := irsa.NewDataBucket(ctx, "reports", &irsa.DataBucketArgs{
		BucketName: "acme-reports", Policies: map[string]irsa.DataBucketPolicies{"reports": "read"}})
	if err != nil {
		return err
	}
	role, err := irsa.NewServiceAccountRole(ctx, "reports", &irsa.ServiceAccountRoleArgs{
		RoleName: "reports", ProviderArns: []pulumi.StringInput{pulumi.String(providerArn)},
		Subjects:   []irsa.SubjectInput{irsa.SubjectArgs{Namespace: "reporting", Name: pulumi.StringRef("reports")}},
		PolicyArns: map[string]pulumi.StringInput{"bucket": bucket.PolicyArns.MapIndex(pulumi.String("reports"))}})
	if err != nil {
		return err
	}
	container := irsa.ContainerArgs{Image: "public.ecr.aws/aws-cli/aws-cli:2.31.0", Command: []string{"sleep", "infinity"}}
	_, err = irsa.NewWorkload(ctx, "reports", &irsa.WorkloadArgs{Namespace: "reporting",
		ServiceAccountName: "reports", RoleArn: role.RoleArn, Container: container})
	return err
}
