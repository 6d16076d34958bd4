package httpx

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestTheLogHoldsNoSecret(t *testing.T) {
	t.Parallel()
	const planted = "hunter2"
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		c := New(Policy{
			Directory: "corp",
			Log:       slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug})),
			Transport: script(step(503, planted, "Set-Cookie", planted, "Retry-After", "2"), errors.New("connection reset by peer"), step(400, planted)),
			Authorize: func(req *http.Request) error {
				req.Header.Set("Authorization", "SSWS "+planted)
				req.Header.Set("Cookie", planted)
				req.Header.Set("DPoP", planted)
				return nil
			},
		})
		url := "https://user:" + planted + "@corp.example.org/oauth2/v1/token?client_assertion=" + planted +
			"&client_secret=" + planted + "&Password=" + planted + "&token=" + planted + "&%74oken=" + planted +
			"&code=" + planted + "&assertion=" + planted + "&access_token=" + planted + "&%zz;token=" + planted +
			"&$skiptoken=page7&limit=200#" + planted
		if _, _, err := sendTo(t.Context(), c, http.MethodPost, url, planted); err != nil {
			t.Fatal(err)
		}
		text := out.String()
		if strings.Contains(text, planted) {
			t.Errorf("a secret in the log:\n%s", text)
		}
		if lines := strings.Count(text, "\n"); lines != 3 {
			t.Errorf("%d lines, want one for each of 3 attempts:\n%s", lines, text)
		}
		for _, want := range []string{`"directory":"corp"`, `"path":"/oauth2/v1/token"`, "$skiptoken=page7", "limit=200", `"verdict":"failed"`, `"attempt":3`, "connection reset"} {
			if !strings.Contains(text, want) {
				t.Errorf("the log lacks %s:\n%s", want, text)
			}
		}
	})
}

func TestErrorsHoldNoSecret(t *testing.T) {
	t.Parallel()
	const planted = "hunter2"
	synctest.Test(t, func(t *testing.T) {
		c := New(Policy{Directory: "corp", Transport: script(errDial), Authorize: bearer(planted)})
		_, _, err := sendTo(t.Context(), c, http.MethodPost, "https://corp.example.org/token?client_assertion="+planted, planted)
		if e := failure(t, err); strings.Contains(e.Error(), planted) || !strings.Contains(e.Error(), "connection refused") {
			t.Errorf("got %v", e)
		}
	})
}

func TestTimeRunsOn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		theirs := time.Date(2031, 1, 2, 3, 4, 5, 0, time.UTC) // years ahead of the bubble
		c := New(Policy{Directory: "corp", Transport: script(step(429, "", "Date", theirs.Format(http.TimeFormat)), 200)})
		if got, ok := c.Time(); ok {
			t.Errorf("before any answer: %s", got)
		}
		if _, _, err := send(t.Context(), c, http.MethodGet, ""); err != nil {
			t.Fatal(err)
		}
		// The second answer had no date; the first one's still runs.
		time.Sleep(time.Minute)
		got, ok := c.Time()
		if late := got.Sub(theirs); !ok || late < time.Minute || late > 63*time.Second {
			t.Errorf("got %s, %v", got, ok)
		}
	})
}
