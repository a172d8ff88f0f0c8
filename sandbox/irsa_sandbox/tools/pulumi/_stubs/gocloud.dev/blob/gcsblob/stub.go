// Package gcsblob is left out; s3blob's stub refuses its URLs.
package gcsblob

const Scheme = "" // of no URL, so that Pulumi asks the default opener
