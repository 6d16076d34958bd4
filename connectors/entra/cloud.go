package entra

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// place is where a cloud's Graph and its token endpoint are. Tokens of one
// cloud are worth nothing in another (Microsoft, national cloud deployments).
type place struct{ graph, authority string }

func placeOf(cloud string) (place, bool) {
	switch cloud {
	case "":
		return place{"https://graph.microsoft.com", "https://login.microsoftonline.com"}, true
	case "usgov":
		return place{"https://graph.microsoft.us", "https://login.microsoftonline.us"}, true
	case "dod":
		return place{"https://dod-graph.microsoft.us", "https://login.microsoftonline.us"}, true
	case "china":
		return place{"https://microsoftgraph.chinacloudapi.cn", "https://login.chinacloudapi.cn"}, true
	}
	return place{}, false
}

// roots returns the roots of Graph and of the token endpoint.
func (cfg Config) roots() (graph, authority *url.URL, err error) {
	at, known := placeOf(cfg.Cloud)
	switch {
	case !known:
		return nil, nil, fmt.Errorf("cloud %q is none of usgov, dod and china; leave it out for the global one", cfg.Cloud)
	case cfg.Cloud != "" && cfg.URL != "":
		return nil, nil, errors.New("cloud and url both name the root of Graph; leave one out")
	case cfg.URL != "" && cfg.Authority == "" && cfg.needsAuthority():
		return nil, nil, errors.New("another url has its own tokens; name where they come from as authority")
	}
	if cfg.URL != "" {
		at.graph = cfg.URL
	}
	if cfg.Authority != "" {
		at.authority = cfg.Authority
	}
	graph, graphErr := parseRoot("url", at.graph)
	authority, authorityErr := parseRoot("authority", at.authority)
	return graph, authority, errors.Join(graphErr, authorityErr)
}

func (cfg Config) needsAuthority() bool {
	return cfg.Secret != nil || cfg.CertFile != "" || cfg.Workload
}

// parseRoot reads a root. Tokens and secrets go there, so clear text is for
// this machine only.
func parseRoot(what, s string) (*url.URL, error) {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, fmt.Errorf("%s is not written as https://host", what)
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("%s %q would send tokens in clear text: write https://", what, s)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
