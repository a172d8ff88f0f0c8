// Package s3 is left out: no state in S3.
package s3

type CopyObjectInput struct{ CopySource *string }
