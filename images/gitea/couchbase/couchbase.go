// Package couchbase stands in for github.com/couchbase/go-couchbase, which Gitea links for a way to keep sessions that the
// lab does not use. The original depends on github.com/couchbase/goutils; its Business Source License 1.1 restricts
// what a program that contains it may be sold with. Here is what gitea.com/go-chi/session/couchbase calls, and each
// connection is refused.
package couchbase

import "errors"

var errAbsent = errors.New("this Gitea is built without Couchbase: set another [session] PROVIDER")

// Client, Pool and Bucket have the names and methods of the original.
type (
	Client struct{}
	Pool   struct{}
	Bucket struct{}
)

// Connect refuses: the error says what to do.
func Connect(string) (Client, error) { return Client{}, errAbsent }

// GetPool refuses as Connect does, and so do the others.
func (*Client) GetPool(string) (Pool, error) { return Pool{}, errAbsent }

func (*Pool) GetBucket(string) (*Bucket, error) { return nil, errAbsent }

func (*Bucket) Get(string, any) error { return errAbsent }

func (*Bucket) Set(string, int, any) error { return errAbsent }

func (*Bucket) Add(string, int, any) (bool, error) { return false, errAbsent }

func (*Bucket) Delete(string) error { return errAbsent }

func (*Bucket) Close() {}
