// Package google checks every request and answer of the Google simulator, and
// what the connector asks of it, against the discovery documents that Google
// publishes.
package google
