// An existing cluster, and a workload in it that reads its bucket through a role.
package main

import (
	"example.com/pulumi-irsa/sdk/go/irsa"
	"github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes"
	corev1 "github.com/pulumi/pulumi-kubernetes/sdk/v4/go/kubernetes/core/v1"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi/config"
)

func main() { pulumi.Run(program) }

func program(ctx *pulumi.Context) error {
	cluster, err := irsa.NewEksCluster(ctx, "platform", &irsa.EksClusterArgs{
		ClusterName: pulumi.StringRef("platform"),
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

	account := irsa.ServiceAccountArgs{Namespace: "reporting", Name: "reports"}
	bucket, err := irsa.NewDataBucket(ctx, "reports", &irsa.DataBucketArgs{
		ForceDestroy:    pulumi.BoolRef(true),
		ManagedPolicies: []string{"read"},
	})
	if err != nil {
		return err
	}
	role, err := irsa.NewServiceAccountRole(ctx, "reports", &irsa.ServiceAccountRoleArgs{
		ProviderArns:    []pulumi.StringInput{cluster.ProviderArn},
		ServiceAccounts: []irsa.ServiceAccountInput{account},
		PolicyArns:      map[string]pulumi.StringInput{"bucket": bucket.ReadPolicyArn},
	})
	if err != nil {
		return err
	}
	web := corev1.ContainerArgs{
		Name:  pulumi.String("web"),
		Image: pulumi.String("registry.example/reports:1.4"),
		Env: corev1.EnvVarArray{corev1.EnvVarArgs{
			Name:  pulumi.String("BUCKET"),
			Value: bucket.BucketName,
		}},
		Ports: corev1.ContainerPortArray{corev1.ContainerPortArgs{
			Name:          pulumi.String("http"),
			ContainerPort: pulumi.Int(8080),
		}},
		ReadinessProbe: corev1.ProbeArgs{HttpGet: corev1.HTTPGetActionArgs{
			Path: pulumi.String("/ready"),
			Port: pulumi.String("http"),
		}},
	}
	_, err = irsa.NewWorkload(ctx, "reports", &irsa.WorkloadArgs{
		ServiceAccount: account,
		RoleArn:        role.RoleArn,
		PodSpec:        corev1.PodSpecArgs{Containers: corev1.ContainerArray{web}},
	}, inCluster, pulumi.DependsOn([]pulumi.Resource{namespace}))
	return err
}
