module github.com/couchbase/go-couchbase

go 1.26
