package configfile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"ngrok/client"
)

// maxTunnelJSON bounds what one tunnel is made of, in bytes: lists of 256 entries in each
// option, with much room.
const maxTunnelJSON = 256 << 10

// TunnelJSON reads a tunnel from the fields of a JSON object: "name", and what stands with
// a tunnel in the file, with the same checks. Fields of other names are ignored, letter
// case is as well, and true and false may be strings. The tunnel's name says nothing about
// its URL.
//
// either reports that http and https are both asked for because no field says which.
func TunnelJSON(fields map[string]json.RawMessage) (t client.Tunnel, either bool, err error) {
	d := &decoder{loose: true, file: &File{}}
	raw := &rawTunnel{}
	ks := d.tunnelKeys(raw)
	ks["name"] = d.text("name", &raw.Name)
	size := 0
	for _, field := range slices.Sorted(maps.Keys(fields)) {
		read, known := ks[strings.ToLower(field)]
		if !known {
			continue
		}
		if size += len(fields[field]); size > maxTunnelJSON {
			return t, false, fmt.Errorf("%s: the tunnel has more than %d bytes of settings", field, maxTunnelJSON)
		}
		dec := json.NewDecoder(bytes.NewReader(fields[field]))
		dec.UseNumber()
		n, err := jsonNode(dec)
		if err != nil {
			return t, false, fmt.Errorf("%s: %w", field, err)
		}
		read(n)
	}
	if err := joined(d.errs); err != nil {
		return t, false, err
	}
	switch {
	case raw.Name == "":
		return t, false, errors.New("name is missing: give the tunnel one that no other has")
	case raw.Local == nil && raw.proto == "":
		return t, false, errors.New("proto is missing: write http, tls or tcp")
	case raw.Local == nil && raw.addr == "":
		return t, false, errors.New("addr is missing: write the port of the private service, or host:port")
	}
	if t, err = raw.tunnel(); err == nil {
		err = CheckTunnel(t)
	}
	return t, raw.eitherScheme(), err
}

// joined makes one line of errors.
func joined(errs []error) error {
	if len(errs) == 0 {
		return nil
	}
	var all []string
	for _, err := range errs {
		all = append(all, err.Error())
	}
	return errors.New(strings.Join(all, "; "))
}

// jsonNode reads one value as what it would be in a file.
func jsonNode(dec *json.Decoder) (*yaml.Node, error) {
	token, err := dec.Token()
	if err != nil {
		return nil, err
	}
	switch v := token.(type) {
	case json.Delim:
		n := &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		if v == '{' {
			n = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		}
		for dec.More() { // keys and values alike: a key is a string
			child, err := jsonNode(dec)
			if err != nil {
				return nil, err
			}
			n.Content = append(n.Content, child)
		}
		_, err := dec.Token()
		return n, err
	case string:
		return jsonScalar("!!str", v), nil
	case json.Number:
		return jsonScalar("!!float", v.String()), nil
	case bool:
		return jsonScalar("!!bool", fmt.Sprint(v)), nil
	default:
		return jsonScalar("!!null", ""), nil
	}
}

func jsonScalar(tag, value string) *yaml.Node {
	return &yaml.Node{Kind: yaml.ScalarNode, Tag: tag, Value: value}
}
