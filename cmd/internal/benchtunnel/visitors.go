package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

// The kinds of jobs that visitors do.
const (
	connect    = "connect"    // connect, one byte there and back, close
	download   = "download"   // as many bytes as get through, a stream for each worker
	upload     = "upload"     //
	keepAlive  = "keep-alive" // HTTP requests, a connection for each worker
	newRequest = "new"        // HTTP requests, a connection for each request
	beside     = "beside"     // one byte there and back beside paced downloads, one for each worker
	hold       = "hold"       // open connections that stay idle until release
	release    = "release"    //
)

// job is what the process of the visitors is told to do, as JSON on its standard input.
type job struct {
	Kind    string
	Addr    string        // where to connect
	Host    string        // HTTP: the host to ask for
	Path    string        // HTTP: what to ask for
	Workers int           // at the same time
	Limit   int           // of operations; 0 means none
	Time    time.Duration // after which no operation begins
}

func (j job) isHTTP() bool { return j.Kind == keepAlive || j.Kind == newRequest }

// result is the answer to a job.
type result struct {
	Done, Errors int   // operations
	Bytes        int64 // of payload
	Took         time.Duration
	P50, P99     time.Duration // of one operation
	FirstError   string
}

// visitors is the process that plays the visitors.
type visitors struct{ *role }

func startVisitors(ctx context.Context) (*visitors, error) {
	r, err := startRole(ctx, roleVisitors)
	return &visitors{r}, err
}

func (v *visitors) do(j job) (r result, err error) {
	if err = v.requests.Encode(j); err == nil {
		err = v.answers.Decode(&r)
	}
	if err != nil {
		err = fmt.Errorf("the visitors' process: %w: %s", err, v.log)
	}
	return r, err
}

// visit is the process of the visitors: it does one job after the other until in ends.
func visit(in io.Reader, out io.Writer) error {
	jobs, results := json.NewDecoder(in), json.NewEncoder(out)
	var held idle
	defer held.release()
	for {
		var j job
		switch err := jobs.Decode(&j); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		var r result
		switch j.Kind {
		case connect:
			r = repeat(j, func() (operation, io.Closer, error) { return connectOnce(j.Addr), nil, nil })
		case keepAlive:
			r = repeat(j, func() (operation, io.Closer, error) { return newKeepAlive(j) })
		case newRequest:
			r = repeat(j, func() (operation, io.Closer, error) { return requestOnce(j), nil, nil })
		case download, upload:
			r = bulk(j)
		case beside:
			r = besideStreams(j)
		case hold:
			r = held.open(j)
		case release:
			held.release()
		default:
			return fmt.Errorf("no job is called %q", j.Kind)
		}
		if err := results.Encode(r); err != nil {
			return err
		}
	}
}

// dial gives up sooner than a person would.
func dial(addr string) (net.Conn, error) { return net.DialTimeout("tcp", addr, 5*time.Second) }

// patience is how long an operation may take.
const patience = 10 * time.Second

// echo sends one byte and waits for it.
func echo(nc net.Conn) (int, error) {
	b := []byte{cmdEcho}
	if _, err := nc.Write(b); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(nc, b)
	return 0, err
}
