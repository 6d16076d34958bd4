package httpx

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
)

// log writes a line about the last attempt. Headers and bodies are never in
// it, and values of a query that may be secret are not either.
func (l *call) log(req *http.Request) {
	ctx := context.WithoutCancel(l.ctx)
	if !l.policy.Log.Enabled(ctx, slog.LevelDebug) {
		return
	}
	a := &l.last
	attrs := []slog.Attr{
		slog.String("directory", l.policy.Directory),
		slog.String("method", req.Method),
		slog.String("host", req.URL.Host),
		slog.String("path", req.URL.Path),
		slog.Int("attempt", l.attempts),
		slog.Int("status", a.status),
		slog.Int("bytes", len(a.whole)),
		slog.Duration("took", a.took),
	}
	if req.URL.RawQuery != "" {
		attrs = append(attrs, slog.String("query", redact(req.URL.RawQuery)))
	}
	if a.verdict != Final {
		attrs = append(attrs, slog.String("verdict", a.verdict.String()))
	}
	if a.retryAfter > 0 {
		attrs = append(attrs, slog.Duration("retryAfter", a.retryAfter))
	}
	if a.err != nil {
		attrs = append(attrs, slog.String("error", a.err.Error()), slog.Bool("lost", a.lost))
	}
	l.policy.Log.LogAttrs(ctx, slog.LevelDebug, "http", attrs...)
}

// redact blanks the values of a query that may be secret. It works on the text,
// for a query that does not parse may hold one as well.
func redact(query string) string {
	pairs := strings.FieldsFunc(query, func(r rune) bool { return r == '&' || r == ';' })
	for i, pair := range pairs {
		name, _, ok := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		if ok && secret(name) {
			pairs[i] = name + "=[secret]"
		}
	}
	return strings.Join(pairs, "&")
}

// secret reports whether a parameter of this name may hold one. Page tokens do
// not: a log is read to see which page it was.
func secret(name string) bool {
	name = strings.ToLower(name)
	switch name {
	case "token", "code", "key", "sig", "signature", "jwt", "authorization":
		return true
	}
	for _, part := range []string{"secret", "password", "passwd", "assertion", "_token", "apikey", "api_key", "credential"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}
