// Package daypass is the map of the house.
//
// What decides and changes memberships is at the root: schedule says when,
// sources say what ought to be, connectors say what is, and engine makes the
// two equal. What serves people around that lives in internal, and nothing in
// there decides a membership. cmd/daypass is the only place where parts meet.
//
// The laws that hold everywhere, and the words that mean one thing everywhere,
// are in docs/architecture.md.
package daypass
