package main

import (
	"fmt"
	"net"
	"strconv"
	"strings"
)

// The ports that URLs leave out.
const (
	httpPort  = 80
	httpsPort = 443
)

// shownPorts returns the ports that -vhost puts into the URLs of tunnels, 0 for that of
// the listener. A virtual host without a port, or with a scheme's own, stands for a
// proxy on the usual ports; any other port is that of http alone.
func (o *options) shownPorts() (http, https int, err error) {
	if o.vhost == "" {
		return 0, 0, nil
	}
	host, port := o.vhost, httpPort
	if h, p, err := net.SplitHostPort(o.vhost); err == nil {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n == 0 {
			return 0, 0, fmt.Errorf("-vhost (or $VHOST): %q is no port", p)
		}
		host, port = h, int(n)
	}
	if !strings.EqualFold(strings.TrimSuffix(host, "."), o.domain) {
		return 0, 0, fmt.Errorf("-vhost (or $VHOST): its host %s is not the domain: choose -domain=%[1]s, or -vhost=%s with a port", host, o.domain)
	}
	if port == httpPort || port == httpsPort {
		return httpPort, httpsPort, nil
	}
	return port, 0, nil
}
