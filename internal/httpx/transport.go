package httpx

import (
	"crypto/tls"
	"net"
	"net/http"
	"time"
)

// transport is what carries the requests of a policy that brings none. It
// notices a peer that is gone: without the pings, a dead HTTP/2 connection
// would cost every request its timeout.
func transport(p Policy) *http.Transport {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    10 * time.Second,
		ResponseHeaderTimeout:  p.Timeout,
		MaxResponseHeaderBytes: 1 << 20,
		MaxIdleConns:           p.Concurrency,
		MaxIdleConnsPerHost:    p.Concurrency,
		IdleConnTimeout:        90 * time.Second,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: 15 * time.Second, PingTimeout: 10 * time.Second},
	}
}
