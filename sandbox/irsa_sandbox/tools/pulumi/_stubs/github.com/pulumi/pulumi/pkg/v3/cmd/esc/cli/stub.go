// Package cli is left out: `pulumi env`, and environments of Pulumi Cloud in a stack's configuration.
package cli

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/pulumi/pulumi/pkg/v3/auth/credentialhelper"
	"github.com/pulumi/pulumi/pkg/v3/backend/httpstate"
	"github.com/pulumi/pulumi/sdk/v3/go/common/diag/colors"
	"github.com/pulumi/pulumi/sdk/v3/go/common/esc"
)

var errLeftOut = errors.New("environments are left out of the sandbox's build of Pulumi")

type Options struct {
	ParentPath, UserAgent string
	Colors                colors.Colorization
	Login                 httpstate.LoginManager
	CredentialHelpers     *credentialhelper.Session
}

type PrepareOptions struct{ Quote, Pretend, Redact bool }

func New(*Options) *cobra.Command {
	command := &cobra.Command{Use: "esc"}
	command.AddCommand(&cobra.Command{
		Use:                "env",
		Short:              "Left out of the sandbox's build",
		DisableFlagParsing: true,
		RunE:               func(*cobra.Command, []string) error { return errLeftOut },
	})
	return command
}

func PrepareEnvironment(
	*esc.Environment, *PrepareOptions,
) (files, environ, secrets []string, filesByKey map[string]string, err error) {
	return nil, nil, nil, nil, errLeftOut
}
