package main

const usage = `Usage: ngrokd [options]
       ngrokd COMMAND

Runs the public side of the tunnel. Clients connect to -tunnelAddr; visitors of their
tunnels to -httpAddr and -httpsAddr, and to the ports of tcp tunnels.

Addresses
  -domain NAME        tunnels are named below it ("localhost")
  -httpAddr ADDR      for http visitors (":80"); empty disables http
  -httpsAddr ADDR     for https visitors (":443"); empty disables https
  -tunnelAddr ADDR    for clients (":4443")
  -tcpHost HOST       the address that tcp tunnels listen on (that of -tunnelAddr)
  -vhost HOST[:PORT]  the domain, with the port that visitors reach it at, for URLs
                      of a server behind a proxy; no port means 80 and 443 ($VHOST)

Certificates
  -tlsCrt FILE        certificate chain, PEM, for the domain and *.domain
  -tlsKey FILE        its private key, PEM
  Without them ngrokd makes an authority of its own, once, in its data directory.
  With "acme: {}" in ngrokd.yml it gets certificates from Let's Encrypt.

Who may use it
  -config FILE        settings, tokens and limits (ngrokd.yml in the data directory)
  -open               admit everybody, without a token. Never needed when all
                      addresses are loopback ones; -open=false wants tokens there too

Running
  -dataDir DIR        what has to last: keys, certificates, who had which name
                      (/var/lib/ngrokd for root, else $XDG_STATE_HOME/ngrokd)
  -registryCacheFile FILE
                      where it is kept who had which name (in the data directory;
                      $REGISTRY_CACHE_FILE)
  -grace TIME         how long flows may last after a signal to stop ("30s")
  -lease TIME         how long a name is kept for its owner who is away ("10m"; 0: not at all)
  -park TIME          how long visitors wait for a client that reconnects ("5s"; 0: not at all)
  -log WHERE          "stdout", "stderr", "none" or a file ("stdout")
  -log-level LEVEL    DEBUG, INFO, WARNING or ERROR ("INFO")
  -log-format FORMAT  "logfmt", "json", or "term" for people ("term" on a terminal,
                      else "logfmt")
  -version            print the version

Commands
  certs               make an authority and certificates to bake in or carry elsewhere
  token new NAME      make a token and print it, once
  token list          list the tokens
  token revoke NAME   take a token back; its sessions end within seconds
  version             print the version
  help                print this

SIGTERM or SIGINT stops the server when its flows have ended, a second one at once.
SIGHUP reads settings and certificates anew and reopens the log file; tokens, reserved
names, tcp_ports and limits are also taken over within seconds when the file changes.
`

const tokenUsage = `Usage: ngrokd token new NAME     make a token and print it, once
       ngrokd token list         list the tokens
       ngrokd token revoke NAME  take a token back

Options
  -config FILE   the settings file (ngrokd.yml in the data directory)
  -dataDir DIR   the data directory
`
