// Package conformance holds gnatsd-ev against the real thing. It is a module
// of its own, so that the broker does not depend on what only these tests
// need: nats-server 2.15.2 as the oracle, nats.go 1.55.0 and natscli 0.5.1 as
// clients. An expectation here is proved on the oracle before it is asked of
// gnatsd-ev.
//
//	go test ./...                            builds ../cmd/gnatsd-ev and tests it
//	GNATSD_EV_BINARY=/a/binary go test ./... tests that one
//	go run ./cmd/record                      records the wire transcripts anew
//
// The package differential plays generated scripts to both; make differential
// in the directory above plays many.
package conformance
