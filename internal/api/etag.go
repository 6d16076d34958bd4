package api

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"strconv"
	"strings"

	"github.com/daypass-dev/daypass/internal/access"
	"github.com/daypass-dev/daypass/internal/desk"
)

// etag is the version of a request, and what was shown of it: time passes and
// directories change without a new version.
func etag(version int64, shown any) string {
	text, _ := json.Marshal(shown) // of our own types
	sum := sha256.Sum256(text)
	return `"` + strconv.FormatInt(version, 10) + "-" + hex.EncodeToString(sum[:6]) + `"`
}

// seen returns the version that If-Match names: 0 for any, and one that no
// request has for what is no ETag of ours.
func seen(match string) int64 {
	match = strings.TrimSpace(match)
	if match == "" || match == "*" {
		return 0
	}
	match = strings.TrimPrefix(match, "W/") // a proxy that compressed the answer puts it there
	quoted := strings.Count(match, `"`) == 2 && match[0] == '"' && match[len(match)-1] == '"'
	number, _, _ := strings.Cut(strings.Trim(match, `"`), "-")
	version, err := strconv.ParseInt(number, 10, 64)
	if err != nil || !quoted || version <= 0 {
		return -1
	}
	return version
}

// same reports whether If-None-Match names the ETag.
func same(noneMatch, tag string) bool {
	for one := range strings.SplitSeq(noneMatch, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == tag || one == "*" {
			return true
		}
	}
	return false
}

// moved makes the conflict of a call with If-Match what HTTP calls it.
func moved(match string, err error) error {
	if e, ok := errors.AsType[*access.Error](err); ok && match != "" && errors.Is(e, desk.ErrStale) {
		return changed.says(e.Message)
	}
	return err
}
