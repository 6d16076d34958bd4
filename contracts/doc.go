// Package contracts holds the simulators, and the connectors in front of them,
// to what the vendors publish about their interfaces. It has tests only, in
// one folder per vendor, and is a module of its own so that what they need
// stays out of the program's module graph.
package contracts
