package web

import (
	"encoding/json"
	"fmt"

	"ngrok/client"
	"ngrok/client/configfile"
)

// tunnelRequest reads what a caller of the agent API asks for: a tunnel as it stands in
// the configuration file, with its name. Fields that the file does not have are ignored,
// since wrappers send their own settings along.
//
// The fallback is what to ask for instead when the server has no https and the caller did
// not insist on it; nil means nothing.
func tunnelRequest(fields map[string]json.RawMessage) (t client.Tunnel, fallback *client.Tunnel, err error) {
	t, either, err := configfile.TunnelJSON(fields)
	if err != nil || !either {
		return t, nil, err
	}
	plain := t
	plain.Local = map[string]string{"http": t.Local["http"]}
	if plain.Validate() != nil {
		return t, nil, nil // it needs https, to redirect to
	}
	return t, &plain, nil
}

// nameTaken is what wrappers know of a name that is in use.
func nameTaken(name string) error {
	return fmt.Errorf("tunnel %q already exists: choose another name, or close it first", name)
}
