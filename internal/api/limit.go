package api

import (
	"cmp"
	"net"

	"golang.org/x/time/rate"
)

// Rate is how much callers may ask. What is zero has a default.
type Rate struct {
	// Calls is how many a caller may make in a second, and CallsAtOnce how many
	// more after a while of rest.
	Calls       rate.Limit
	CallsAtOnce int
	// Failures is how often in a second an address may come without a good token
	// before it is told to wait. It saves no look-up: a token is looked at first,
	// for good ones that come from the same address are served as ever. One that
	// daypass made costs a look into an index, and what one of another issuer asks
	// of that issuer is limited for all together. Callers who left, or who could
	// not be told just now, do not count.
	Failures       rate.Limit
	FailuresAtOnce int
}

func (r Rate) filled() Rate {
	r.Calls, r.CallsAtOnce = cmp.Or(r.Calls, 20), cmp.Or(r.CallsAtOnce, 100)
	r.Failures, r.FailuresAtOnce = cmp.Or(r.Failures, 0.5), cmp.Or(r.FailuresAtOnce, 30)
	return r
}

// network is what an address is limited by: of IPv6 the /64, for whoever has
// one address of it has them all.
func network(address string) string {
	ip := net.ParseIP(address)
	if ip == nil || ip.To4() != nil {
		return address
	}
	return ip.Mask(net.CIDRMask(64, 128)).String()
}
