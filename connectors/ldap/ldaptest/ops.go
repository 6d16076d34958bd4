package ldaptest

import (
	"maps"

	ber "github.com/go-asn1-ber/asn1-ber"
)

// Op is a kind of request.
type Op string

// The kinds of request. StartTLS and WhoAmI are extended requests that are
// counted by themselves.
const (
	OpBind     Op = "bind"
	OpUnbind   Op = "unbind"
	OpSearch   Op = "search"
	OpModify   Op = "modify"
	OpAdd      Op = "add"
	OpDelete   Op = "delete"
	OpRename   Op = "rename"
	OpCompare  Op = "compare"
	OpAbandon  Op = "abandon"
	OpExtended Op = "extended"
	OpStartTLS Op = "starttls"
	OpWhoAmI   Op = "whoami"
)

// opOfTag is the request choices of RFC 4511 section 4.1.1.
var opOfTag = map[ber.Tag]Op{ //nolint:gochecknoglobals // a table
	0: OpBind, 2: OpUnbind, 3: OpSearch, 6: OpModify, 8: OpAdd, 10: OpDelete,
	12: OpRename, 14: OpCompare, 16: OpAbandon, 23: OpExtended,
}

var replyTag = map[Op]byte{ //nolint:gochecknoglobals // a table
	OpBind: replyBind, OpSearch: replyDone, OpModify: replyModify, OpAdd: replyAdd, OpDelete: replyDelete,
	OpRename: replyRename, OpCompare: replyCompare, OpExtended: replyExtended, OpStartTLS: replyExtended, OpWhoAmI: replyExtended,
}

// Requests returns how many requests of each kind have arrived.
func (s *Server) Requests() map[Op]int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.counts)
}

// ResetRequests sets the counters to zero.
func (s *Server) ResetRequests() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.counts)
}

func (s *Server) count(op Op) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[op]++
}
