// Package okta checks every request and answer of the Okta simulator against
// the OpenAPI contract that Okta publishes.
package okta
