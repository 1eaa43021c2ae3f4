package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"ngrok/server/configfile"
)

// settingsName is the settings file in the data directory.
const settingsName = "ngrokd.yml"

// options are the flags after the settings file and the environment had their say.
type options struct {
	domain, httpAddr, httpsAddr, tunnelAddr, tcpHost, vhost string
	tlsCrt, tlsKey                                          string
	log, logLevel, logFormat                                string
	dataDir, cacheFile, config                              string
	grace, lease, park                                      time.Duration
	open                                                    openFlag
	version                                                 bool

	passed []string // addresses of listeners that another process has opened

	file *configfile.File // what the settings file said at the start
	read fileState        // what it looked like just before
}

// settingFlags maps the keys of the settings file to their flags.
func settingFlags() map[string]string {
	return map[string]string{
		"domain": "domain", "http_addr": "httpAddr", "https_addr": "httpsAddr", "tunnel_addr": "tunnelAddr",
		"tcp_host": "tcpHost", "vhost": "vhost", "tls_crt": "tlsCrt", "tls_key": "tlsKey",
		"log": "log", "log_level": "log-level", "log_format": "log-format",
		"data_dir": "dataDir", "registry_cache_file": "registryCacheFile", "grace": "grace",
		"lease": "lease", "park": "park", "open": "open",
	}
}

func (o *options) flags(env func(string) string) *flag.FlagSet {
	fs := flag.NewFlagSet("ngrokd", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	fs.StringVar(&o.domain, "domain", "localhost", "")
	fs.StringVar(&o.httpAddr, "httpAddr", ":80", "")
	fs.StringVar(&o.httpsAddr, "httpsAddr", ":443", "")
	fs.StringVar(&o.tunnelAddr, "tunnelAddr", ":4443", "")
	fs.StringVar(&o.tcpHost, "tcpHost", "", "")
	fs.StringVar(&o.vhost, "vhost", env("VHOST"), "")
	fs.StringVar(&o.tlsCrt, "tlsCrt", "", "")
	fs.StringVar(&o.tlsKey, "tlsKey", "", "")
	fs.StringVar(&o.log, "log", "stdout", "")
	fs.StringVar(&o.logLevel, "log-level", "INFO", "")
	fs.StringVar(&o.logFormat, "log-format", "", "")
	fs.StringVar(&o.dataDir, "dataDir", "", "")
	fs.StringVar(&o.cacheFile, "registryCacheFile", env("REGISTRY_CACHE_FILE"), "")
	fs.StringVar(&o.config, "config", "", "")
	o.grace, o.lease, o.park = 30*time.Second, 10*time.Minute, 5*time.Second
	for name, d := range map[string]*time.Duration{"grace": &o.grace, "lease": &o.lease, "park": &o.park} {
		fs.Func(name, "", func(s string) (err error) {
			if *d, err = time.ParseDuration(s); err != nil {
				return errors.New("write a number with its unit, like 30s or 5m")
			}
			return nil
		})
	}
	fs.Var(&o.open, "open", "")
	fs.BoolVar(&o.version, "version", false, "")
	return fs
}

// parseOptions reads the command line and the settings file that it names.
func parseOptions(args []string, env func(string) string) (*options, error) {
	o := &options{}
	fs := o.flags(env)
	if err := fs.Parse(args); errors.Is(err, flag.ErrHelp) {
		return nil, err
	} else if err != nil {
		return nil, flagError(fs, err)
	}
	if slices.Contains([]string{"certs", "token", "version", "help"}, fs.Arg(0)) {
		return nil, wrongUsage("a command comes first: ngrokd %s %s", strings.Join(fs.Args(), " "), strings.Join(args[:len(args)-fs.NArg()], " "))
	}
	if fs.NArg() > 0 {
		return nil, wrongUsage("%q is neither an option nor a command; ngrokd help lists both", fs.Arg(0))
	}
	if o.version {
		return o, nil
	}
	named := o.config != ""
	noPlace := o.locate(env)
	if o.config == "" {
		return nil, noPlace
	}
	if info, err := os.Stat(o.dataDir); err == nil && !info.IsDir() {
		return nil, fmt.Errorf("-dataDir: %s is no directory", o.dataDir)
	}
	if err := o.readFile(fs); err != nil {
		return nil, err
	}
	if named && o.read == (fileState{}) {
		return nil, fmt.Errorf("-config: there is no file %s; ngrokd token new NAME -config %[1]s makes one", o.config)
	}
	if o.dataDir == "" {
		return nil, noPlace
	}
	if o.tunnelAddr == "" {
		return nil, wrongUsage("-tunnelAddr must not be empty: clients need it")
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"grace", o.grace}, {"lease", o.lease}, {"park", o.park}} {
		if d.value < 0 {
			return nil, wrongUsage("-%s must not be negative", d.flag)
		}
	}
	return o, nil
}

// flagError says what is wrong with a flag, and which was most likely meant.
func flagError(fs *flag.FlagSet, err error) error {
	name, unknown := strings.CutPrefix(err.Error(), "flag provided but not defined: -")
	if !unknown {
		return wrongUsage("%v; ngrokd help lists the options", err)
	}
	var names []string
	fs.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	if near := configfile.Nearest(name, names); near != "" {
		return wrongUsage("unknown flag -%s: did you mean -%s?", name, near)
	}
	return wrongUsage("unknown flag -%s; ngrokd help lists the options", name)
}

// locate fills in the data directory and the settings file where no flag names them. It
// returns an error when there is no place for the first.
func (o *options) locate(env func(string) string) (err error) {
	if o.dataDir == "" {
		o.dataDir, err = defaultDataDir(env)
	}
	if o.config == "" && err == nil {
		o.config = filepath.Join(o.dataDir, settingsName)
	}
	return err
}

func defaultDataDir(env func(string) string) (string, error) {
	if runtime.GOOS != "windows" && os.Geteuid() == 0 {
		return "/var/lib/ngrokd", nil
	}
	if dir := env("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ngrokd"), nil
	}
	if dir := env("LocalAppData"); runtime.GOOS == "windows" && dir != "" {
		return filepath.Join(dir, "ngrokd"), nil
	}
	if home := env("HOME"); home != "" {
		return filepath.Join(home, ".local", "state", "ngrokd"), nil
	}
	return "", errors.New("there is no place for the data directory, since HOME is not set: name one with -dataDir")
}

// readFile reads the settings file and sets the flags that the command line left.
func (o *options) readFile(fs *flag.FlagSet) error {
	if err := o.load(); err != nil {
		return err
	}
	given := make(map[string]bool)
	fs.Visit(func(f *flag.Flag) { given[f.Name] = true })
	names := settingFlags()
	for _, s := range o.file.Settings {
		name := names[s.Key]
		if given[name] {
			continue
		}
		if err := fs.Set(name, s.Value); err != nil {
			return fmt.Errorf("%s:%d: %s: %q: %v", o.config, s.Line, s.Key, s.Value, err)
		}
	}
	return nil
}

// load reads the settings file; none is as good as an empty one.
func (o *options) load() error {
	o.read = stateOf(o.config) // before, so that no change between the two is missed
	file, err := configfile.Load(o.config)
	if configfile.IsMissing(err) {
		file, err = configfile.Parse(o.config, nil)
	}
	if err != nil {
		return err
	}
	o.file = file
	return nil
}

// openFlag is a boolean flag that knows whether it was given.
type openFlag struct{ given, value bool }

// Set reads true or false.
func (f *openFlag) Set(s string) error {
	v, err := strconv.ParseBool(s)
	if err != nil {
		return errors.New("it must be true or false")
	}
	*f = openFlag{given: true, value: v}
	return nil
}

// String returns the value.
func (f *openFlag) String() string { return strconv.FormatBool(f.value) }

// IsBoolFlag lets the flag stand without a value.
func (f *openFlag) IsBoolFlag() bool { return true }
