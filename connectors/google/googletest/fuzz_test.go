package googletest

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// FuzzRequest: whatever is asked, the answer is JSON or nothing, or Google's
// page for a path that is not there.
func FuzzRequest(f *testing.F) {
	for _, route := range Routes() {
		f.Add(route, "vpn@example.org", "maxResults=2&pageToken=x&query=email:a*&fields=kind,members(id)", `{"email":"ada@example.org"}`)
	}
	f.Add("GET /v1/groups:search", "", "query=parent+%3D%3D+'customers/C03demo01'", "")
	f.Add("GET /v1/groups/{group}", "01%2f..", "view=FULL", "")
	f.Fuzz(func(t *testing.T, route, key, query, body string) {
		s := New(Options{PerMinute: -1})
		if err := s.Demo(7); err != nil {
			t.Fatal(err)
		}
		s.Grant("all")
		method, path, _ := strings.Cut(route, " ")
		for _, name := range []string{"{groupKey}", "{memberKey}", "{userKey}", "{applicationName}", "{customer}", "{group}"} {
			path = strings.ReplaceAll(path, name, url.PathEscape(key))
		}
		r, err := http.NewRequest(method, "https://admin.googleapis.com"+path+"?"+query, strings.NewReader(body))
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		r.Header.Set("Authorization", "Bearer all")
		w := httptest.NewRecorder()
		s.ServeHTTP(w, r)
		text := w.Body.Bytes()
		if len(text) > 0 && !json.Valid(text) && w.Code != http.StatusNotFound {
			t.Errorf("%s %s: got %d %q", method, r.URL, w.Code, text)
		}
	})
}
