package sources

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// settled is how long a file must have been left alone to be read by a daemon:
// an editor may be in the middle of it.
const settled = time.Second

// Stamp returns another text whenever Grants may read differently, by the
// names, sizes and times of the files: cheaply, for it is asked often. It
// reports false while a file is being written, by the clock now.
func (f Files) Stamp(now time.Time) (stamp string, quiet bool) {
	paths, errs := f.find()
	var b strings.Builder
	quiet = true
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if age := now.Sub(info.ModTime()); age >= 0 && age < settled {
			quiet = false
		}
		fmt.Fprintf(&b, "%s %d %d\n", path, info.Size(), info.ModTime().UnixNano())
	}
	for _, err := range errs {
		fmt.Fprintln(&b, err)
	}
	return b.String(), quiet
}
