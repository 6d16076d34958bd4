package durable

import (
	"bytes"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestRiverIsQuiet(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		bare := func(_ []string, a slog.Attr) slog.Attr {
			if a.Key == slog.TimeKey {
				return slog.Attr{}
			}
			return a
		}
		level := new(slog.LevelVar)
		log := quieten(slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: level, ReplaceAttr: bare})))
		noise := func() {
			log.Info("started")
			log.With("queue", "q").Warn("odd")
			log.WithGroup("g").Error("no database", "error", "refused")
			log.Error("no database either")
		}
		noise()
		time.Sleep(2 * time.Minute)
		noise() // another moment
		for range 3 {
			time.Sleep(30 * time.Second)
			log.Error("still none", "error", "refused")
		}
		want := "level=WARN msg=\"the job queue does not work: what other replicas are asked for comes late\" error=refused river=\"still none\"\n"
		if out.String() != want {
			t.Errorf("got\n%s\nwant\n%s", &out, want)
		}
		out.Reset()
		level.Set(slog.LevelDebug)
		noise()
		want = "level=DEBUG msg=\"job queue: started\"\nlevel=DEBUG msg=\"job queue: odd\" queue=q\n" +
			"level=DEBUG msg=\"job queue: no database\" g.error=refused\nlevel=DEBUG msg=\"job queue: no database either\"\n"
		if out.String() != want {
			t.Errorf("got\n%s\nwant\n%s", &out, want)
		}
		quieten(nil).Error("to nobody")
	})
}
