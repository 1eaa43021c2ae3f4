package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/net/http/httpproxy"

	"ngrok/client/configfile"
	"ngrok/cmd/internal/logging"
)

// defaultServer is where a server on this machine listens.
const defaultServer = "127.0.0.1:4443"

// settings are what flags, environment and file say together: a flag wins over the
// environment, and that over the file.
type settings struct {
	path string           // of the file, which need not exist
	file *configfile.File // never nil

	serverAddr  string
	inspectAddr string // empty means the default
	authToken   string
	saveToken   bool // the token came by flag and is not in the file
	proxy       *url.URL
	log         logging.Options
	grace       time.Duration
	plain       bool // no extension of the protocol
}

// load reads the file and puts the settings together.
func (a *app) load(o *options) (*settings, error) {
	if err := logging.Check(logging.Options{Level: o.logLevel, Format: o.logFormat}); err != nil {
		return nil, usagef("%v", err)
	}
	path, explicit, err := a.configPath(o)
	if err != nil {
		return nil, err
	}
	f, err := configfile.Load(path)
	switch {
	case err == nil:
	case errors.Is(err, fs.ErrNotExist) && !explicit:
		f = &configfile.File{}
	default:
		return nil, err
	}
	s := &settings{
		path:  path,
		file:  f,
		grace: o.grace,
		plain: o.plain,
		log: logging.Options{
			To:     cmp.Or(o.log, f.Log, "none"),
			Level:  cmp.Or(o.logLevel, f.LogLevel),
			Format: cmp.Or(o.logFormat, f.LogFormat),
			Stdout: a.stdout,
			Stderr: a.stderr,
		},
		authToken: cmp.Or(o.authToken, f.AuthToken),
		saveToken: o.authToken != "" && o.authToken != f.AuthToken,
	}
	if s.serverAddr, err = a.serverAddr(o, f); err != nil {
		return nil, err
	}
	s.inspectAddr = f.InspectAddr
	if o.inspectAddr != "" {
		if s.inspectAddr, err = configfile.InspectAddr(o.inspectAddr); err != nil {
			return nil, usagef("-inspect-addr: %v", err)
		}
	}
	if s.proxy, err = a.proxy(f, s.serverAddr); err != nil {
		return nil, err
	}
	return s, nil
}

func (a *app) serverAddr(o *options, f *configfile.File) (string, error) {
	if o.serverAddr != "" {
		addr, err := configfile.ServerAddr(o.serverAddr)
		if err != nil {
			return "", usagef("-server-addr: %v", err)
		}
		return addr, nil
	}
	if env := a.getenv("NGROK_SERVER_ADDR"); env != "" {
		addr, err := configfile.ServerAddr(env)
		if err != nil {
			return "", fmt.Errorf("NGROK_SERVER_ADDR: %w", err)
		}
		return addr, nil
	}
	return cmp.Or(f.ServerAddr, defaultServer), nil
}

// proxy returns what the server is reached through. The file's proxy is used always;
// those of the environment stand back for loopback and for what no_proxy lists.
func (a *app) proxy(f *configfile.File, serverAddr string) (*url.URL, error) {
	if f.HTTPProxy != nil {
		return f.HTTPProxy, nil
	}
	env := func(names ...string) (string, string) {
		for _, name := range names {
			if v := a.getenv(name); v != "" {
				return name, v
			}
		}
		return "", ""
	}
	name, value := env("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")
	if value == "" {
		return nil, nil
	}
	u, err := configfile.ProxyURL(value)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	_, noProxy := env("no_proxy", "NO_PROXY")
	proxyFor := (&httpproxy.Config{HTTPSProxy: u.String(), NoProxy: noProxy}).ProxyFunc()
	switch used, err := proxyFor(&url.URL{Scheme: "https", Host: serverAddr}); {
	case err != nil:
		return nil, fmt.Errorf("%s can't be used as a proxy", name) // the error would show its password
	case used == nil:
		return nil, nil
	}
	return u, nil
}

// configPath returns where the file is, and whether a flag said so.
func (a *app) configPath(o *options) (path string, explicit bool, err error) {
	if o.config != "" {
		return o.config, true, nil
	}
	home := a.home()
	if home == "" {
		return "", false, errors.New("there is no home directory to look for .ngrok in: name a file with -config")
	}
	return filepath.Join(home, ".ngrok"), false, nil
}

// home returns the user's directory, or "".
func (a *app) home() string {
	if runtime.GOOS == "windows" {
		return cmp.Or(a.getenv("USERPROFILE"), a.getenv("HOME"))
	}
	return a.getenv("HOME")
}
