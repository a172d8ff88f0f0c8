// Package azureblob is left out; s3blob's stub refuses its URLs.
package azureblob

import (
	"context"
	"net/url"

	"gocloud.dev/blob"
)

const Scheme = "" // of no URL, so that Pulumi asks the default opener

type ServiceURLOptions struct{}

func NewDefaultServiceURLOptions() *ServiceURLOptions { return &ServiceURLOptions{} }

func NewDefaultClient() {}

type URLOpener struct {
	MakeClient        func()
	ServiceURLOptions ServiceURLOptions
}

func (*URLOpener) OpenBucketURL(context.Context, *url.URL) (*blob.Bucket, error) {
	panic("azureblob is left out")
}
