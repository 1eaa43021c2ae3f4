package inspect

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"
)

// maxEncodings bounds how many content encodings are taken off one body.
const maxEncodings = 5

// zstdWindow bounds what the decoder allocates for a window, in bytes; RFC 9659 allows
// no more than 8 MiB in HTTP.
const zstdWindow = 8 << 20

// decode takes the content encodings off the body, within MaxDecoded bytes of output. The
// note says why the rest could not be decoded.
func (m *Message) decode() (plain []byte, encodings []string, cut bool, note string) {
	names := fieldTokens(m.Header, "Content-Encoding")
	if m.plain {
		names = nil
	}
	if len(names) > maxEncodings {
		return m.Body, nil, m.Truncated, fmt.Sprintf("not decoded: %d content encodings on top of each other", len(names))
	}
	var src io.Reader = bytes.NewReader(m.Body)
	for i := len(names) - 1; i >= 0 && len(m.Body) > 0; i-- {
		name := names[i]
		if name == "identity" {
			continue
		}
		r, err := decoder(name, src)
		if err != nil {
			if len(encodings) == 0 {
				return m.Body, nil, m.Truncated, fmt.Sprintf("not decoded: %v", err)
			}
			return nil, encodings, true, fmt.Sprintf("not decoded: %v", err)
		}
		defer r.Close()
		encodings = append(encodings, name)
		src = r
	}
	if len(encodings) == 0 {
		return m.Body[:min(len(m.Body), MaxDecoded)], nil, m.Truncated || len(m.Body) > MaxDecoded, ""
	}
	plain, err := io.ReadAll(io.LimitReader(src, MaxDecoded+1))
	switch {
	case len(plain) > MaxDecoded:
		return plain[:MaxDecoded], encodings, true, fmt.Sprintf("only the first %d MiB are decoded", MaxDecoded>>20)
	case err != nil && m.Truncated:
		return plain, encodings, true, ""
	case err != nil && !m.Complete && errors.Is(err, io.ErrUnexpectedEOF):
		return plain, encodings, true, ""
	case err != nil:
		return plain, encodings, true, fmt.Sprintf("broken %s: %v", strings.Join(encodings, ", "), err)
	}
	return plain, encodings, m.Truncated, ""
}

// decoder returns a reader that takes one content encoding off.
func decoder(name string, src io.Reader) (io.ReadCloser, error) {
	switch name {
	case "gzip", "x-gzip":
		return gzip.NewReader(src)
	case "deflate":
		return inflateEither(src)
	case "br":
		return io.NopCloser(brotli.NewReader(src)), nil
	case "zstd":
		d, err := zstd.NewReader(src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(zstdWindow),
			zstd.WithDecoderLowmem(true))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}
	return nil, fmt.Errorf("the content encoding %q is not known here", name)
}

// inflateEither reads what the name deflate stands for in RFC 9110 (zlib) or in what many
// servers send (no wrapper at all).
func inflateEither(src io.Reader) (io.ReadCloser, error) {
	buffered := bufio.NewReader(src)
	head, err := buffered.Peek(2)
	if err == nil && head[0]&0x0f == 8 && (int(head[0])<<8|int(head[1]))%31 == 0 {
		return zlib.NewReader(buffered)
	}
	return flate.NewReader(buffered), nil
}
