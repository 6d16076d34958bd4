// Package e2e tests daypass as people meet it: the program that was built, a
// real directory, a real OpenID provider, and Chromium. It has tests only, and
// is a module of its own so that what they need stays out of the program's
// module graph.
//
//   - browser drives Chromium: pages, forms, screenshots, accessibility.
//   - provider is the OpenID provider, and issuers of tokens for machines.
//   - daypass builds and runs the program.
//
// The helpers fail the test themselves, with what the page said.
package e2e
