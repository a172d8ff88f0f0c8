// Package v2 registers an object by its type token. Upstream's has 65 packages of Go types for the
// kinds, which the plugin only passes on.
package v2

import (
	"strings"

	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

type object struct{ pulumi.CustomResourceState }

func RegisterResource(ctx *pulumi.Context, apiVersion, kind, name string, props pulumi.Input,
	opts ...pulumi.ResourceOption) (pulumi.CustomResource, error) {
	if !strings.Contains(apiVersion, "/") {
		apiVersion = "core/" + apiVersion
	}
	var registered object
	token := "kubernetes:" + apiVersion + ":" + kind
	err := ctx.RegisterResource(token, name, props, &registered, opts...)
	return &registered, err
}
