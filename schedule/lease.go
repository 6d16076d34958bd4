package schedule

import (
	"context"
	"time"
)

// Lessor keeps leases where every machine sees them: in the store. Its own
// clock decides when one is over, so that no machine's clock matters.
type Lessor interface {
	// Acquire takes the lease of a name for ttl, when nobody has it or its time
	// is up, and returns its token: greater than every one before it. When
	// somebody has it, the token is 0, and other tells who.
	Acquire(ctx context.Context, name, holder string, ttl time.Duration) (token int64, other string, err error)
	// Renew lets a lease last for ttl from now. It reports false when the lease
	// was taken over or given back.
	Renew(ctx context.Context, name string, token int64, ttl time.Duration) (bool, error)
	// Release gives a lease back. One that was lost is no error.
	Release(ctx context.Context, name string, token int64) error
}
