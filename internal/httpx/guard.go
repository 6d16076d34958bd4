package httpx

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// GuardRefDelete is a [Policy.Guard] for Microsoft Graph. It lets a DELETE
// through only when its path ends in /groups/{id}/members/{id}/$ref, alone and
// inside a batch. Without the last part, and with rights over users, the same
// call deletes the member itself (Microsoft Graph reference, "Remove member").
func GuardRefDelete(req *http.Request) error {
	for _, name := range []string{"X-HTTP-Method", "X-HTTP-Method-Override", "X-Method-Override"} {
		if req.Header.Get(name) != "" {
			return fmt.Errorf("refused: the header %s hides what the request does", name)
		}
	}
	if strings.EqualFold(req.Method, http.MethodDelete) {
		return removesReference(req.URL)
	}
	if strings.HasSuffix(strings.TrimRight(req.URL.Path, "/"), "/$batch") {
		return guardBatch(req)
	}
	return nil
}

func removesReference(u *url.URL) error {
	refused := fmt.Errorf("refused: DELETE %s does not end in /groups/{id}/members/{id}/$ref and could delete an account", u.Path)
	if u.Opaque != "" {
		return refused
	}
	var parts []string
	for part := range strings.SplitSeq(u.EscapedPath(), "/") {
		plain, err := url.PathUnescape(part)
		if err != nil || plain == "." || plain == ".." || strings.ContainsAny(plain, `/\?#;`) {
			return refused
		}
		parts = append(parts, plain)
	}
	n := len(parts)
	if n < 5 || parts[n-5] != "groups" || parts[n-4] == "" || parts[n-3] != "members" || parts[n-2] == "" || parts[n-1] != "$ref" {
		return refused
	}
	return nil
}

// guardBatch looks into a batch. One that it cannot read is refused.
func guardBatch(req *http.Request) error {
	body, err := plainBody(req)
	if err != nil {
		return fmt.Errorf("refused: a batch that cannot be read: %w", err)
	}
	var batch struct {
		Requests []struct{ Method, URL string }
	}
	if err := json.Unmarshal(body, &batch); err != nil {
		return fmt.Errorf("refused: a batch that cannot be read: %w", err)
	}
	for _, r := range batch.Requests {
		if !strings.EqualFold(r.Method, http.MethodDelete) {
			continue
		}
		u, err := url.Parse("/" + strings.TrimPrefix(r.URL, "/")) // relative, with or without a slash
		if err != nil {
			return errors.New("refused: a batch with an address that cannot be read")
		}
		if err := removesReference(u); err != nil {
			return err
		}
	}
	return nil
}

// plainBody returns the body of a request without using it up.
func plainBody(req *http.Request) ([]byte, error) {
	if req.GetBody == nil {
		return nil, errors.New("it has no body that can be read twice")
	}
	body, err := req.GetBody()
	if err != nil {
		return nil, err
	}
	defer func() { _ = body.Close() }() // a reader of bytes
	if req.Header.Get("Content-Encoding") == "" {
		return io.ReadAll(body)
	}
	unzip, err := gzip.NewReader(body)
	if err != nil {
		return nil, err
	}
	var plain bytes.Buffer
	_, err = io.Copy(&plain, unzip) //nolint:gosec // our own SDK zipped it
	return plain.Bytes(), err
}
