package main

// test is one load and the figures that come of it.
type test struct {
	name    string
	job     job // without address and time
	figures []figure
}

// figure is one line of the table. Without of it is the CPU time of both processes, in
// seconds for each 1000 operations.
type figure struct {
	name string
	of   func(result) float64
}

// Figures that come of no test.
const (
	idleServer = "idle connection: ngrokd, kB"
	idleClient = "idle connection: ngrok, kB"
	peakServer = "peak memory: ngrokd, MB"
	peakClient = "peak memory: ngrok, MB"
)

// connections is how many connections one test opens at the most. The kernel has some
// 28,000 ports for them and takes each back after a second.
const connections = 6000

// tests are done in this order. Those that open many connections stand apart, so that the
// ports of one are free again before the next.
var tests = []test{
	{"conn16", job{Kind: connect, Workers: 16, Limit: connections},
		[]figure{{"new connections/s, 16 at a time", perSecond}}},
	{"bulk-down1", job{Kind: download, Workers: 1},
		[]figure{{"bulk down, 1 stream, MB/s", megabytes}}},
	{"bulk-up1", job{Kind: upload, Workers: 1},
		[]figure{{"bulk up, 1 stream, MB/s", megabytes}}},
	{"conn64", job{Kind: connect, Workers: 64, Limit: connections},
		[]figure{{"new connections/s, 64 at a time", perSecond}, {"CPU s of both for 1000 connections, 64 at a time", nil}}},
	{"bulk-down8", job{Kind: download, Workers: 8},
		[]figure{{"bulk down, 8 streams, MB/s", megabytes}}},
	{"bulk-up8", job{Kind: upload, Workers: 8},
		[]figure{{"bulk up, 8 streams, MB/s", megabytes}}},
	{"conn1", job{Kind: connect, Workers: 1, Limit: connections},
		[]figure{{"new connections/s, 1 at a time", perSecond}}},
	{"http1", job{Kind: keepAlive, Workers: 1, Path: smallPath},
		[]figure{{"HTTP keep-alive, 1 connection, requests/s", perSecond}}},
	{"http64", job{Kind: keepAlive, Workers: 64, Path: smallPath},
		[]figure{{"HTTP keep-alive, 64 connections, requests/s", perSecond}, {"CPU s of both for 1000 requests, 64 connections", nil}}},
	{"httpnew16", job{Kind: newRequest, Workers: 16, Limit: connections, Path: smallPath},
		[]figure{{"HTTP, new connection a request, 16 at a time, requests/s", perSecond}}},
	{"httpbig8", job{Kind: keepAlive, Workers: 8, Path: bigPath},
		[]figure{{"HTTP, 1 MiB bodies, 8 connections, MB/s", megabytes}}},
	{"busy", job{Kind: beside, Workers: 4},
		[]figure{{"a byte there and back beside 4 streams of 25 MB/s, p99 µs", p99}}},
}

func perSecond(r result) float64 { return float64(r.Done) / r.Took.Seconds() }
func megabytes(r result) float64 { return float64(r.Bytes) / 1e6 / r.Took.Seconds() }
func p99(r result) float64       { return float64(r.P99.Nanoseconds()) / 1e3 }

// order is the order of the table.
var order = []string{
	"bulk down, 1 stream, MB/s",
	"bulk up, 1 stream, MB/s",
	"bulk down, 8 streams, MB/s",
	"bulk up, 8 streams, MB/s",
	"new connections/s, 1 at a time",
	"new connections/s, 16 at a time",
	"new connections/s, 64 at a time",
	"HTTP keep-alive, 1 connection, requests/s",
	"HTTP keep-alive, 64 connections, requests/s",
	"HTTP, new connection a request, 16 at a time, requests/s",
	"HTTP, 1 MiB bodies, 8 connections, MB/s",
	"a byte there and back beside 4 streams of 25 MB/s, p99 µs",
	"CPU s of both for 1000 connections, 64 at a time",
	"CPU s of both for 1000 requests, 64 connections",
	idleServer,
	idleClient,
	peakServer,
	peakClient,
}
