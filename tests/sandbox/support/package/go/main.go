// Does OPERATION (up, preview, destroy) with the example's program, as stack STACK with CONFIG, as JSON.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/pulumi/pulumi/sdk/v3/go/auto"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optdestroy"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optpreview"
	"github.com/pulumi/pulumi/sdk/v3/go/auto/optup"
	"github.com/pulumi/pulumi/sdk/v3/go/pulumi"
)

func main() {
	if err := run(context.Background(), os.Args[1], os.Args[2], os.Args[3]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(ctx context.Context, operation, stackName, text string) error {
	var config map[string]string
	if err := json.Unmarshal([]byte(text), &config); err != nil {
		return err
	}
	program := func(ctx *pulumi.Context) error { return reports(ctx, config["providerArn"]) }
	stack, err := auto.UpsertStackInlineSource(ctx, stackName, "reports", program)
	if err != nil {
		return err
	}
	for key, value := range config {
		if err := stack.SetConfig(ctx, key, auto.ConfigValue{Value: value}); err != nil {
			return err
		}
	}
	switch operation {
	case "up":
		_, err = stack.Up(ctx, optup.ProgressStreams(os.Stdout))
	case "preview":
		_, err = stack.Preview(ctx, optpreview.ProgressStreams(os.Stdout))
	case "destroy":
		_, err = stack.Destroy(ctx, optdestroy.ProgressStreams(os.Stdout))
	default:
		err = fmt.Errorf("no operation %q", operation)
	}
	return err
}
