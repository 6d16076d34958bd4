package oktatest

import (
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// failure is an answer that is an error in Okta's shape. Only the code is
// meant for programs.
type failure struct {
	status  int
	code    string
	summary string
	causes  []string
	oauth   *oauthError
	header  http.Header
}

// oauthError is the shape of RFC 6749, which the token endpoint uses.
type oauthError struct {
	Error       string `json:"error"`
	Description string `json:"error_description"`
}

// summaries are Okta's texts of its error codes.
var summaries = map[string]string{ //nolint:gochecknoglobals // a table
	"E0000001": "Api validation failed",
	"E0000004": "Authentication failed",
	"E0000006": "You do not have permission to perform the requested action",
	"E0000009": "Internal Server Error",
	"E0000010": "Service is in read only mode",
	"E0000011": "Invalid token provided",
	"E0000015": "You do not have permission to access the feature you are requesting",
	"E0000022": "The endpoint does not support the provided HTTP method",
	"E0000031": "Invalid search criteria.",
	"E0000038": "This operation is not allowed in the user's current status.",
	"E0000047": "API call exceeded rate limit due to too many requests.",
	"E0000053": "Invalid SCIM filter.",
	"E0000060": "Unsupported operation.",
	"E0000112": "Unable to update the user. User is still being activated. Please try again in a few minutes.",
	"E0000239": "Group rule priorities are being reconciled.",
	"E0000249": "Group rules are still being set up. Please try again in a few minutes.",
}

func fail(status int, code string, causes ...string) *failure {
	return &failure{status: status, code: code, summary: summaries[code], causes: causes}
}

// invalid is the answer to a request that makes no sense.
func invalid(field, cause string) *failure {
	f := fail(http.StatusBadRequest, "E0000001", cause)
	f.summary += ": " + field
	return f
}

// missing is the answer for something that is not there; kind is User,
// UserGroup or the like, which Okta's text really names.
func missing(id, kind string) *failure {
	return &failure{
		status: http.StatusNotFound, code: "E0000007",
		summary: "Not found: Resource not found: " + id + " (" + kind + ")",
	}
}

type errorBody struct {
	Code    string       `json:"errorCode"`
	Summary string       `json:"errorSummary"`
	Link    string       `json:"errorLink"`
	ID      string       `json:"errorId"`
	Causes  []errorCause `json:"errorCauses"`
}

type errorCause struct {
	Summary string `json:"errorSummary"`
}

// body is the failure as JSON; id names the one answer.
func (f *failure) body(id string) []byte {
	var v any = f.oauth
	if f.oauth == nil {
		b := errorBody{f.code, f.summary, f.code, id, []errorCause{}}
		for _, c := range f.causes {
			b.Causes = append(b.Causes, errorCause{c})
		}
		v = b
	}
	text, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings only
	}
	return text
}

// byStatus is the usual code of a status.
var byStatus = map[int]string{ //nolint:gochecknoglobals // a table
	http.StatusBadRequest:          "E0000001",
	http.StatusUnauthorized:        "E0000011",
	http.StatusForbidden:           "E0000006",
	http.StatusConflict:            "E0000112",
	http.StatusLocked:              "E0000239",
	http.StatusTooManyRequests:     "E0000047",
	http.StatusInternalServerError: "E0000009",
	http.StatusNotImplemented:      "E0000060",
	http.StatusServiceUnavailable:  "E0000010",
}

// Failure is a fault that answers with a status, and the body and headers that
// Okta sends with it. After a 429 the quota begins anew within a second.
func (s *Server) Failure(status int) sim.Fault {
	f := fail(status, byStatus[status])
	if status == http.StatusNotFound {
		f = missing("00u00000000000000000", "User")
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if status == http.StatusTooManyRequests {
		setQuota(header, 600, 0, s.now().Add(time.Second))
	}
	return sim.Fault{Effect: sim.Answer, Status: status, Header: header, Body: string(f.body("oae-on-demand"))}
}

// setQuota writes the rate limit headers; the reset is in seconds since 1970.
func setQuota(h http.Header, limit, left int, reset time.Time) {
	h.Set("X-Rate-Limit-Limit", strconv.Itoa(limit))
	h.Set("X-Rate-Limit-Remaining", strconv.Itoa(left))
	// Whole seconds, never before the window's end.
	h.Set("X-Rate-Limit-Reset", strconv.FormatInt((reset.UnixMilli()+999)/1000, 10))
}
