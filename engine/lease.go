package engine

// Lease is the right to change one directory, for as long as it lasts. Of all
// processes one holds it at a time.
type Lease interface {
	// Check returns nil while the lease is certainly held. It is asked before
	// each write, and must be quick.
	Check() error
	// Token tells this lease from every one before it: it is greater.
	Token() int64
}
