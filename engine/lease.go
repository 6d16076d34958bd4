package engine

import "context"

// Lease is the right to change one directory, for as long as it lasts. Of all
// processes one holds it at a time.
type Lease interface {
	// Check returns nil while the lease is certainly held. It is asked before
	// each write, and must be quick.
	Check() error
	// Token tells this lease from every one before it: it is greater.
	Token() int64
}

type leaseKey struct{}

// Under returns a context for writes under a lease.
func Under(ctx context.Context, l Lease) context.Context {
	if l == nil {
		return ctx
	}
	return context.WithValue(ctx, leaseKey{}, l)
}

// Held returns nil while the lease that ctx is under is certainly held, and
// where it is under none. Connectors ask it before each request that changes
// something: a process that was frozen between two of them must not send the
// second. It holds for every context made from ctx, whatever SDKs do to it.
func Held(ctx context.Context) error {
	if l, ok := ctx.Value(leaseKey{}).(Lease); ok {
		return l.Check()
	}
	return nil
}
