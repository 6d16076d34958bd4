package main

import (
	"context"

	"github.com/daypass-dev/daypass/internal/config"
	"github.com/daypass-dev/daypass/internal/store"
)

// openStore opens the store that the configuration names.
func openStore(ctx context.Context, cfg *config.Config) (*store.Store, error) {
	dsn, err := cfg.StoreDSN(ctx)
	if err != nil {
		return nil, usage(err)
	}
	return store.Open(ctx, dsn)
}
