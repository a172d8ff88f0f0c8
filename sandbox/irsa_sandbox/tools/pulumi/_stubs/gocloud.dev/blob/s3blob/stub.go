// Package s3blob is left out, as are the other clouds: this refuses their URLs.
package s3blob

import (
	"context"
	"fmt"
	"net/url"

	"gocloud.dev/blob"
)

type leftOut struct{}

func (leftOut) OpenBucketURL(_ context.Context, u *url.URL) (*blob.Bucket, error) {
	return nil, fmt.Errorf("%s:// is left out of the sandbox's build of Pulumi; use file://", u.Scheme)
}

func init() {
	for _, scheme := range []string{"s3", "gs", "azblob"} {
		blob.DefaultURLMux().RegisterBucket(scheme, leftOut{})
	}
}
