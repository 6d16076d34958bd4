package store

import (
	"context"
	"fmt"
	"testing"
)

// TestStatementsKept: of the statements that read so many are kept, and none that
// could not be prepared takes the place of another.
func TestStatementsKept(t *testing.T) {
	t.Parallel()
	s := onSQLite(t).open(t)
	ask := func(query string) error {
		return s.read(t.Context(), "test", func(ctx context.Context, t *tx) error {
			_, err := collect(ctx, t, scanText, query)
			return err
		})
	}
	kept := func() (n int) {
		s.prepare.Range(func(key, _ any) bool {
			n += bit(key.(prepared).db == s.reader)
			return true
		})
		return n
	}
	always, room := kept(), mostPrepared-int(s.kept.Load())
	for i := range mostPrepared + 10 {
		if err := ask(fmt.Sprintf("SELECT nothing FROM nowhere%d", i)); err == nil {
			t.Fatal("nothing was read from nowhere")
		}
	}
	for i := range mostPrepared + 10 {
		for range 2 {
			if err := ask(fmt.Sprintf("SELECT 'text %d'", i)); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := kept()-always, min(i+1, room); got != want {
			t.Fatalf("after %d statements %d are kept, want %d", i+1, got, want)
		}
	}
}
