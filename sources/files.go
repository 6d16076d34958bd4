// Package sources reads what ought to be: grants from YAML and CSV files.
//
// It knows how grants are written. It knows nothing of directories: which
// groups a resource stands for, and which directories there are, it is told.
package sources

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/daypass-dev/daypass/engine"
)

// Files is a source of grants that people write into files. A reading is whole
// or it is an error: one wrong line refuses every file, for half the wishes
// would take access from the other half.
type Files struct {
	// Patterns are paths, or patterns as of [filepath.Match] for each part of
	// a path. They end in .yaml, .yml or .csv. A path that is not there is an
	// error; a pattern may match nothing. Names that begin with a dot are only
	// matched by a pattern that does so too.
	Patterns []string
	// Dir is the folder that relative patterns start from, and that origins
	// are told relative to.
	Dir string
	// Expand returns the groups of a resource, and false for an unknown one.
	Expand func(resource string) ([]engine.GroupRef, bool)
	// Known reports whether there is a directory of that name.
	Known func(d engine.Directory) bool
}

var _ engine.Source = Files{}

// Grants reads all files. The grants are sorted by group, person and ID, each
// with its place ("grants/ops.yaml:12") as origin. The error, if any, joins one
// [*Error] for each thing that is wrong in any of the files.
func (f Files) Grants(ctx context.Context) ([]engine.Grant, error) {
	paths, errs := f.find()
	r := &reader{files: f, seen: map[engine.GrantID]wish{}, errs: errs}
	for _, path := range paths {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		r.read(ctx, path)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if len(r.errs) > 0 {
		return nil, errors.Join(r.errs...)
	}
	slices.SortFunc(r.grants, func(a, b engine.Grant) int {
		return cmp.Or(cmp.Compare(a.Group.Directory, b.Group.Directory), cmp.Compare(a.Group.Name, b.Group.Name),
			cmp.Compare(a.Person, b.Person), cmp.Compare(a.ID, b.ID))
	})
	return r.grants, nil
}
