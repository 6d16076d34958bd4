package httpx

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"strings"
	"testing"
)

func TestGuardLetsOnlyReferencesBeDeleted(t *testing.T) {
	t.Parallel()
	tests := []struct {
		method, path string
		ok           bool
	}{
		{"DELETE", "/v1.0/groups/g/members/m/$ref", true},
		{"DELETE", "/v1.0/groups/g/members/m/%24ref", true},
		{"DELETE", "/groups/g/members/m/$ref", true},
		{"DELETE", "/v1.0/groups/g/members/m", false}, // deletes the account
		{"DELETE", "/v1.0/groups/g/members/m/", false},
		{"DELETE", "/v1.0/groups/g/members/m/$ref/", false},
		{"DELETE", "/v1.0/groups/g/members/$ref?@id=m", false}, // what the SDK's shorter builder makes
		{"DELETE", "/v1.0/groups/g/members//$ref", false},
		{"DELETE", "/v1.0/groups/g/members/m/$ref/..", false},
		{"DELETE", "/v1.0/groups/g/members/../members/m/$ref", false},
		{"DELETE", "/v1.0/groups/g/members/m%2F$ref", false},
		{"DELETE", "/v1.0/groups/g/members/a%2Fb/$ref", false},
		{"DELETE", "/v1.0/groups/g/members/m%3F/$ref", false},
		{"DELETE", "/v1.0/groups/g/owners/m/$ref", false},
		{"DELETE", "/v1.0/directoryRoles/r/members/m/$ref", false},
		{"DELETE", "/v1.0/users/m", false},
		{"DELETE", "/v1.0/groups/g", false},
		{"delete", "/v1.0/users/m", false},
		{"DELETE", "/v1.0/users/m?x=/groups/g/members/m/$ref", false},
		{"DELETE", "/v1.0/users/m#/groups/g/members/m/$ref", false},
		{"GET", "/v1.0/users/m", true},
		{"PATCH", "/v1.0/groups/g", true},
		{"POST", "/v1.0/groups/g/members/$ref", true},
	}
	for _, test := range tests {
		s := script(204)
		c := New(Policy{Directory: "corp", Transport: s, Guard: GuardRefDelete})
		_, _, err := sendTo(t.Context(), c, test.method, "https://graph.example.org"+test.path, "")
		if (err == nil) != test.ok || (s.count() == 1) != test.ok {
			t.Errorf("%s %s: got %v and %d requests", test.method, test.path, err, s.count())
		}
		if err != nil && failure(t, err).Lost {
			t.Errorf("%s %s: lost, but it was never sent", test.method, test.path)
		}
	}
}

func TestGuardLooksIntoABatch(t *testing.T) {
	t.Parallel()
	batch := func(method, url string) string {
		return `{"requests":[{"id":"1","method":"GET","url":"/users/m"},{"id":"2","method":"` + method + `","url":"` + url + `","body":null,"dependsOn":[]}]}`
	}
	tests := []struct {
		body string
		ok   bool
	}{
		{batch("DELETE", "/groups/g/members/m/$ref"), true},
		{batch("DELETE", "groups/g/members/m/$ref"), true},
		{batch("DELETE", "/groups/g/members/m"), false},
		{batch("delete", "/users/m"), false},
		{batch("DELETE", "/users/m?/groups/g/members/m/$ref"), false},
		{batch("PATCH", "/groups/g"), true},
		{strings.ReplaceAll(batch("DELETE", "/users/m"), `"method"`, `"METHOD"`), false},
		{`{"requests":`, false},
		{`[]`, false},
		{``, false},
	}
	for _, test := range tests {
		for _, zip := range []bool{false, true} {
			s := script(200)
			c := New(Policy{Directory: "corp", Transport: s, Guard: GuardRefDelete})
			body := test.body
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://graph.example.org/v1.0/$batch", nil)
			if err != nil {
				t.Fatal(err)
			}
			if zip {
				req.Header.Set("Content-Encoding", "gzip")
				body = zipped(body)
			}
			req.Body = http.NoBody
			if body != "" {
				again, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, "/", strings.NewReader(body))
				req.Body = again.Body
			}
			_, err = c.HTTP().Do(req)
			if (err == nil) != test.ok || (s.count() == 1) != test.ok {
				t.Errorf("%s (zipped: %v): got %v and %d requests", test.body, zip, err, s.count())
			}
			if test.ok && s.count() == 1 && s.seen[0].body != body {
				t.Errorf("%s (zipped: %v): sent %q", test.body, zip, s.seen[0].body)
			}
		}
	}
}

func TestGuardRefusesAHiddenMethod(t *testing.T) {
	t.Parallel()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://graph.example.org/v1.0/users/m", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-HTTP-Method-Override", "DELETE")
	if err := GuardRefDelete(req); err == nil {
		t.Error("let through")
	}
}

func zipped(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	z.Write([]byte(text))
	z.Close()
	return b.String()
}
