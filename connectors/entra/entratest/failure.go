package entratest

import (
	"encoding/json"
	"net/http"
	"time"

	"github.com/daypass-dev/daypass/internal/sim"
)

// failure is an answer that is an error.
type failure struct {
	status        int
	code, message string
	header        http.Header
}

func fail(status int, code, message string) *failure {
	return &failure{status: status, code: code, message: message}
}

func badRequest(message string) *failure {
	return fail(http.StatusBadRequest, "Request_BadRequest", message)
}

func unsupported(message string) *failure {
	return fail(http.StatusBadRequest, "Request_UnsupportedQuery", message)
}

func notFound(id string) *failure {
	return fail(http.StatusNotFound, "Request_ResourceNotFound",
		"Resource '"+id+"' does not exist or one of its queried reference-property objects are not present.")
}

// Failure is a fault that answers as Graph does with a status: 401, 403, 404,
// 429 with Retry-After, or one from 500 on.
func Failure(status int) sim.Fault {
	f := map[int]*failure{
		http.StatusUnauthorized:    fail(status, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired."),
		http.StatusForbidden:       denied(),
		http.StatusNotFound:        fail(status, "Request_ResourceNotFound", "Resource does not exist or one of its queried reference-property objects are not present."),
		http.StatusTooManyRequests: fail(status, "TooManyRequests", "Please retry again later."),
		http.StatusBadRequest:      badRequest("A request that is wrong in a way that nobody foresaw."),
	}[status]
	if f == nil {
		f = fail(status, "ServiceUnavailable", "The service is temporarily unavailable. Please retry later.")
	}
	header := http.Header{"Content-Type": {"application/json"}}
	if status == http.StatusTooManyRequests {
		header.Set("Retry-After", "2")
	}
	return sim.Fault{Effect: sim.Answer, Status: status, Header: header, Body: string(f.body(http.Header{}, time.Time{}))}
}

// body is the error as all of Graph writes it.
func (f *failure) body(h http.Header, at time.Time) []byte {
	type inner struct {
		Code    string `json:"code,omitempty"`
		Date    string `json:"date"`
		Message string `json:"message,omitempty"`
		Request string `json:"request-id"`
		Client  string `json:"client-request-id"`
		Status  string `json:"status,omitempty"`
	}
	type outer struct {
		Code    string `json:"code"`
		Message string `json:"message"`
		Inner   inner  `json:"innerError"`
	}
	e := outer{f.code, f.message, inner{Date: at.UTC().Format("2006-01-02T15:04:05"), Request: h.Get("request-id"), Client: h.Get("client-request-id")}}
	if f.status == http.StatusTooManyRequests {
		e.Inner.Code, e.Inner.Message, e.Inner.Status = "429", "Please retry after", "429"
	}
	b, err := json.Marshal(map[string]outer{"error": e})
	if err != nil {
		panic(err) // strings only
	}
	return b
}
