// Package cloud is left out: `pulumi api`, with a library that takes a quarter of Pulumi's build,
// and the way of `pulumi insights` and `pulumi org` to Pulumi Cloud.
package cloud

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/pulumi/pulumi/pkg/v3/backend/httpstate/client"
)

var errLeftOut = errors.New("this command is left out of the sandbox's build of Pulumi")

type APIError struct {
	Silent   bool
	ExitCode int
}

func (*APIError) Error() string { return errLeftOut.Error() }

type ResolvedContext struct {
	Client   *client.Client
	OrgName  string
	LoggedIn bool
}

func ResolveContext(context.Context) (*ResolvedContext, error) { return nil, errLeftOut }

func NewAPICmd() *cobra.Command {
	return &cobra.Command{
		Use:                "api",
		Short:              "Left out of the sandbox's build",
		DisableFlagParsing: true,
		RunE:               func(*cobra.Command, []string) error { return errLeftOut },
	}
}
