package store

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/pressly/goose/v3"
)

//go:embed migrations/*/*.sql
var migrations embed.FS

// attempts bounds how often migrate starts again after another process
// migrated the same new store at the same time.
const attempts = 20

// newest returns the version of the schema that this daypass knows.
func (s *Store) newest() (int64, error) {
	files, err := fs.Glob(migrations, s.dialect.migrations+"/*.sql")
	if err != nil || len(files) == 0 {
		return 0, fmt.Errorf("no migrations: %w", err)
	}
	return goose.NumericComponent(files[len(files)-1])
}

// migrate brings the schema up to date.
func (s *Store) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, s.dialect.migrations)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(s.goose, s.writer, files,
		goose.WithTableName("migrations"), goose.WithLogger(goose.NopLogger()), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	for range attempts {
		var have, want int64
		if have, want, err = p.GetVersions(ctx); err != nil {
			return err
		}
		switch {
		case have > want:
			return fmt.Errorf("%w: its schema is version %d, this daypass knows up to %d; use the newer daypass", ErrNewer, have, want)
		case have == want:
			return nil
		}
		_, err = p.Up(ctx)
	}
	return err
}
