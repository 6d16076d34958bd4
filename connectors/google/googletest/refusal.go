package googletest

import (
	"net/http"

	"github.com/daypass-dev/daypass/internal/sim"
)

// refusal is an error as Google answers it.
type refusal struct {
	status   int
	rpc      string // "PERMISSION_DENIED"; older errors of the Directory API have none
	reason   string // of errors[0]; the Cloud Identity API has none
	message  string
	brief    string // of errors[0], where it differs from message
	location string // of errors[0]
	detail   obj    // of details[0]
	header   http.Header
}

func (e *refusal) Error() string { return e.message }

func refuse(status int, reason, message string) *refusal {
	return &refusal{status: status, reason: reason, message: message}
}

// refuseAs is a refusal in the newer style.
func refuseAs(status int, rpc, reason, message string) *refusal {
	return &refusal{status: status, rpc: rpc, reason: reason, message: message}
}

// noKey is the 404 of the Directory API: "Resource Not Found: groupKey".
func noKey(key string) *refusal {
	return refuse(http.StatusNotFound, "notFound", "Resource Not Found: "+key)
}

func invalid(what string) *refusal {
	return refuse(http.StatusBadRequest, "invalid", "Invalid Input: "+what)
}

// forbidden is the 403 that no waiting mends.
func forbidden() *refusal {
	return refuse(http.StatusForbidden, "forbidden", "Not Authorized to access this resource/api")
}

func unmet(message string) *refusal {
	return refuse(http.StatusPreconditionFailed, "conditionNotMet", message)
}

// overQuota is the 403 that waiting mends. The Cloud Identity API is of the
// newer kind and answers 429.
func overQuota(a api) *refusal {
	if a == identity {
		return refuseAs(http.StatusTooManyRequests, "RESOURCE_EXHAUSTED", "",
			"Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'cloudidentity.googleapis.com'.")
	}
	return refuse(http.StatusForbidden, "quotaExceeded",
		"Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service 'admin.googleapis.com'.")
}

// body is the error in the shape of an API.
func (e *refusal) body(a api) []byte {
	o := obj{{"code", e.status}, {"message", e.message}}
	rpc := e.rpc
	if a == identity {
		rpc = rpcStatus(e)
	} else {
		brief := e.brief
		if brief == "" {
			brief = e.message
		}
		one := obj{{"message", brief}, {"domain", "global"}, {"reason", e.reason}}
		if e.location != "" {
			one = append(one, prop{"location", e.location}, prop{"locationType", "header"})
		}
		o = append(o, prop{"errors", []obj{one}})
	}
	o = o.opt("status", rpc)
	if e.detail != nil {
		o = append(o, prop{"details", []obj{e.detail}})
	}
	return append(appendJSON(nil, obj{{"error", o}}, nil), '\n')
}

// rpcStatus is the name of a status in the newer style.
func rpcStatus(e *refusal) string {
	if e.rpc != "" {
		return e.rpc
	}
	switch e.status {
	case http.StatusBadRequest:
		return "INVALID_ARGUMENT"
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusConflict:
		return "ALREADY_EXISTS"
	case http.StatusPreconditionFailed:
		return "FAILED_PRECONDITION"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusServiceUnavailable:
		return "UNAVAILABLE"
	}
	return "INTERNAL"
}

func (e *refusal) write(w http.ResponseWriter, a api) {
	for name, values := range e.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(e.status)
	_, _ = w.Write(e.body(a))
}

// notServed is Google's answer to a path or a method that it does not have.
func notServed(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/html; charset=UTF-8")
	w.WriteHeader(http.StatusNotFound)
	_, _ = w.Write([]byte("<!DOCTYPE html>\n<html lang=en>\n<title>Error 404 (Not Found)!!1</title>\n<p><b>404.</b> <ins>That’s an error.</ins>\n"))
}

// Refuse returns a fault that answers with an error in the Directory API's
// shape, such as 403 quotaExceeded or 503 backendError.
func Refuse(status int, reason, message string) sim.Fault {
	return sim.Fault{
		Effect: sim.Answer, Status: status, Body: string(refuse(status, reason, message).body(directory)),
		Header: http.Header{"Content-Type": {"application/json; charset=UTF-8"}},
	}
}

// LoseTo returns a fault that carries the request out and answers with an
// error, as Google's 503 does at times.
func LoseTo(status int, reason, message string) sim.Fault {
	f := Refuse(status, reason, message)
	f.Effect = sim.Lose
	return f
}

// On limits a fault to the requests of one route, as [Routes] names it.
func On(route string, f sim.Fault) sim.Fault {
	f.Match = func(r *http.Request) bool { return r.Method+" "+routeName(r) == route }
	return f
}
