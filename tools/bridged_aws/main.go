// terraform-provider-aws as a Pulumi plugin, for the types that our programs and pulumi-eks' Cluster use.
//
// What pulumi-aws does besides, with these types, is done here: names are made up from the logical
// name, and the default tags are among a resource's own tags.
// https://github.com/pulumi/pulumi-terraform-bridge
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/terraform-provider-aws/internal"
	"github.com/hashicorp/terraform-provider-aws/internal/provider/framework"
	"github.com/hashicorp/terraform-provider-aws/internal/provider/sdkv2"
	pfbridge "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfbridge"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/pf/tfgen"
	"github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfbridge"
	shim "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim"
	shimv2 "github.com/pulumi/pulumi-terraform-bridge/v3/pkg/tfshim/sdk-v2"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
)

// version is set by the linker.
var version string

var resources = map[string]string{
	"aws_eks_access_entry":                               "eks/accessEntry:AccessEntry",
	"aws_eks_access_policy_association":                  "eks/accessPolicyAssociation:AccessPolicyAssociation",
	"aws_eks_addon":                                      "eks/addon:Addon",
	"aws_eks_cluster":                                    "eks/cluster:Cluster",
	"aws_eks_node_group":                                 "eks/nodeGroup:NodeGroup",
	"aws_eks_pod_identity_association":                   "eks/podIdentityAssociation:PodIdentityAssociation",
	"aws_iam_access_key":                                 "iam/accessKey:AccessKey",
	"aws_iam_openid_connect_provider":                    "iam/openIdConnectProvider:OpenIdConnectProvider",
	"aws_iam_policy":                                     "iam/policy:Policy",
	"aws_iam_role":                                       "iam/role:Role",
	"aws_iam_role_policies_exclusive":                    "iam/rolePoliciesExclusive:RolePoliciesExclusive",
	"aws_iam_role_policy":                                "iam/rolePolicy:RolePolicy",
	"aws_iam_role_policy_attachments_exclusive":          "iam/rolePolicyAttachmentsExclusive:RolePolicyAttachmentsExclusive",
	"aws_iam_role_policy_attachment":                     "iam/rolePolicyAttachment:RolePolicyAttachment",
	"aws_iam_user":                                       "iam/user:User",
	"aws_iam_user_policy_attachment":                     "iam/userPolicyAttachment:UserPolicyAttachment",
	"aws_launch_template":                                "ec2/launchTemplate:LaunchTemplate",
	"aws_s3_bucket":                                      "s3/bucket:Bucket",
	"aws_s3_bucket_ownership_controls":                   "s3/bucketOwnershipControls:BucketOwnershipControls",
	"aws_s3_bucket_policy":                               "s3/bucketPolicy:BucketPolicy",
	"aws_s3_bucket_public_access_block":                  "s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
	"aws_s3_bucket_server_side_encryption_configuration": "s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
	"aws_s3_bucket_versioning":                           "s3/bucketVersioning:BucketVersioning",
	"aws_security_group":                                 "ec2/securityGroup:SecurityGroup",
	"aws_security_group_rule":                            "ec2/securityGroupRule:SecurityGroupRule",
}

var functions = map[string]string{
	"aws_caller_identity":             "index/getCallerIdentity:getCallerIdentity",
	"aws_eks_addon_version":           "eks/getAddonVersion:getAddonVersion",
	"aws_iam_openid_connect_provider": "iam/getOpenIdConnectProvider:getOpenIdConnectProvider",
	"aws_iam_policy":                  "iam/getPolicy:getPolicy",
	"aws_iam_role":                    "iam/getRole:getRole",
	"aws_iam_user":                    "iam/getUser:getUser",
	"aws_partition":                   "index/getPartition:getPartition",
	"aws_region":                      "index/getRegion:getRegion",
	"aws_s3_bucket":                   "s3/getBucket:getBucket",
	"aws_subnet":                      "ec2/getSubnet:getSubnet",
	"aws_subnets":                     "ec2/getSubnets:getSubnets",
	"aws_vpc":                         "ec2/getVpc:getVpc",
}

// Names that are made up when they are left out: Terraform's field, Pulumi's, and how long it may be.
var autonamed = map[string]struct {
	field, name string
	limit       int
}{
	"aws_eks_cluster":     {"name", "name", 100},
	"aws_eks_node_group":  {"node_group_name", "nodeGroupName", 63},
	"aws_iam_policy":      {"name", "name", 128},
	"aws_iam_role":        {"name", "name", 64},
	"aws_iam_user":        {"name", "name", 64},
	"aws_launch_template": {"name", "name", 128},
	"aws_s3_bucket":       {"bucket", "bucket", 63},
	"aws_security_group":  {"name", "name", 255},
}

func main() {
	ctx := context.Background()
	if strings.HasPrefix(filepath.Base(os.Args[0]), "pulumi-tfgen") {
		tfgen.MainWithMuxer("aws", info(ctx, []byte("{}")))
		return
	}
	program, err := os.Executable()
	check(err)
	schema, err := os.ReadFile(filepath.Join(filepath.Dir(program), "schema.json"))
	check(err)
	metadata, err := os.ReadFile(filepath.Join(filepath.Dir(program), "bridge-metadata.json"))
	check(err)
	pfbridge.MainWithMuxer(ctx, "aws", info(ctx, metadata), schema)
}

func info(ctx context.Context, metadata []byte) tfbridge.ProviderInfo {
	log.SetOutput(io.Discard) // their constructors are talkative
	defer log.SetOutput(os.Stderr)
	internal.RegisterSmarterrFS()
	sdk, err := sdkv2.NewProvider(ctx)
	check(err)
	pf, err := framework.NewProvider(ctx, sdk)
	check(err)
	provider := pfbridge.MuxShimWithDisjointgPF(ctx, shimv2.NewProvider(sdk,
		shimv2.WithDiffStrategy(shimv2.PlanState),
		shimv2.WithPlanResourceChange(func(string) bool { return true })), pf)

	info := tfbridge.ProviderInfo{
		P: provider, Name: "aws", Version: version,
		MetadataInfo: tfbridge.NewProviderMetadata(metadata),
		Config: map[string]*tfbridge.SchemaInfo{
			"region": {Default: &tfbridge.DefaultInfo{EnvVars: []string{"AWS_REGION", "AWS_DEFAULT_REGION"}}},
			"skip_metadata_api_check": {Default: &tfbridge.DefaultInfo{
				Value: "true", EnvVars: []string{"AWS_SKIP_METADATA_API_CHECK"}}},
		},
		Resources:   map[string]*tfbridge.ResourceInfo{},
		DataSources: map[string]*tfbridge.DataSourceInfo{},
	}
	provider.ResourcesMap().Range(func(name string, each shim.Resource) bool {
		if token, ok := resources[name]; ok {
			info.Resources[name] = resourceInfo(name, tokens.Type("aws:"+token), each)
		} else {
			info.IgnoreMappings = append(info.IgnoreMappings, name)
		}
		return true
	})
	provider.DataSourcesMap().Range(func(name string, _ shim.Resource) bool {
		if token, ok := functions[name]; ok {
			info.DataSources[name] = &tfbridge.DataSourceInfo{Tok: tokens.ModuleMember("aws:" + token)}
		} else {
			info.IgnoreMappings = append(info.IgnoreMappings, name)
		}
		return true
	})
	info.Resources["aws_eks_cluster"].Fields["certificate_authority"] = &tfbridge.SchemaInfo{MaxItemsOne: tfbridge.True()}
	group := info.Resources["aws_security_group"].Fields
	group["description"] = &tfbridge.SchemaInfo{Default: &tfbridge.DefaultInfo{Value: "Managed by Pulumi"}}
	group["egress"] = &tfbridge.SchemaInfo{Name: "egress"}
	group["ingress"] = &tfbridge.SchemaInfo{Name: "ingress"}
	return info
}

func resourceInfo(name string, token tokens.Type, each shim.Resource) *tfbridge.ResourceInfo {
	info := &tfbridge.ResourceInfo{Tok: token, Fields: map[string]*tfbridge.SchemaInfo{}}
	if made, ok := autonamed[name]; ok {
		info.Fields[made.field] = tfbridge.AutoName(made.name, made.limit, "-")
	}
	if _, ok := each.Schema().GetOk("tags"); ok {
		info.PreCheckCallback = withDefaultTags
	}
	return info
}

func withDefaultTags(_ context.Context, inputs, config resource.PropertyMap) (resource.PropertyMap, error) {
	defaults, ok := config["defaultTags"]
	if !ok || !defaults.IsObject() || !defaults.ObjectValue()["tags"].IsObject() {
		return inputs, nil
	}
	own, ok := inputs["tags"]
	if ok && !own.IsObject() { // not known yet
		return inputs, nil
	}
	merged := defaults.ObjectValue()["tags"].ObjectValue().Copy()
	if ok {
		for name, value := range own.ObjectValue() {
			merged[name] = value
		}
	}
	inputs = inputs.Copy()
	inputs["tags"] = resource.NewObjectProperty(merged)
	return inputs, nil
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
