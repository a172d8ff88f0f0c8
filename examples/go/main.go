// An existing cluster, and a workload in it that reads its bucket through a role.
package main

import (
	"example.com/pulumi-irsa/sdk/go/irsa"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() { pulumi.Run(program) }

func program(ctx *pulumi.Context) error {
	cluster, err := irsa.NewEksCluster(ctx, "platform", &irsa.EksClusterArgs{
		ClusterName: "platform",
		Existing:    pulumi.BoolRef(true),
		ProviderArn: pulumi.String(config.Require(ctx, "providerArn")),
	})
	if err != nil {
		return err
	}
	provider, err := kubernetes.NewProvider(ctx, "platform", &kubernetes.ProviderArgs{
		Kubeconfig:             cluster.Kubeconfig,
		ClusterIdentifier:      cluster.IssuerUrl, // else a new certificate replaces all
		EnableConfigMapMutable: pulumi.Bool(true),
		EnableSecretMutable:    pulumi.Bool(true),
	})
	if err != nil {
		return err
	}
	inCluster := pulumi.Providers(provider)
	namespace, err := irsa.NewNamespace(ctx, "reporting", &irsa.NamespaceArgs{
		Namespace:    "reporting",
		ForceDestroy: pulumi.BoolRef(true),
	}, inCluster)
	if err != nil {
		return err
	}

	bucket, err := irsa.NewDataBucket(ctx, "reports", &irsa.DataBucketArgs{
		BucketName:   "acme-reports",
		ForceDestroy: pulumi.BoolRef(true),
		Policies:     map[string]string{"reports": "read"},
	})
	if err != nil {
		return err
	}
	role, err := irsa.NewServiceAccountRole(ctx, "reports", &irsa.ServiceAccountRoleArgs{
		RoleName:     "reports",
		ProviderArns: []pulumi.StringInput{cluster.ProviderArn},
		Subjects:     []string{"reporting/reports"},
		PolicyArns: map[string]pulumi.StringInput{
			"bucket": bucket.PolicyArns.MapIndex(pulumi.String("reports")),
		},
	})
	if err != nil {
		return err
	}
	_, err = irsa.NewWorkload(ctx, "reports", &irsa.WorkloadArgs{
		Namespace: "reporting",
		RoleArn:   role.RoleArn,
		Container: irsa.ContainerArgs{
			Image:   "public.ecr.aws/aws-cli/aws-cli:2.31.0",
			Command: []string{"sleep", "infinity"},
		},
	}, inCluster, pulumi.DependsOn([]pulumi.Resource{namespace}))
	return err
}
