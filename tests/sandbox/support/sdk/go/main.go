// Prints the ARN that the AWS SDK for Go v2 is, by its default credential chain or with a profile.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

func main() {
	log.SetFlags(0)
	options := []func(*config.LoadOptions) error{}
	if len(os.Args) > 1 {
		options = append(options, config.WithSharedConfigProfile(os.Args[1]))
	}
	ctx := context.Background()
	loaded, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		log.Fatal(err)
	}
	caller, err := sts.NewFromConfig(loaded).GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*caller.Arn)
}
