package web

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"

	"ngrok/client/inspect"
)

// Error codes of the agent API that wrappers know.
const (
	errCodeNotFound = 100
	errCodeRequest  = 101 // the request itself is wrong
	errCodeConfig   = 102 // the tunnel's configuration is wrong
	errCodeStart    = 103 // the server would not open the tunnel
	errCodeNotReady = 104 // no session yet; wrappers try again on this
	errCodeReplay   = 105
)

// maxJSON bounds the JSON of a request, in bytes: an edited request's body of 1 MiB
// in base64, with room.
const maxJSON = 4 << 20

// apiError is what the API answers when it cannot do what was asked.
type apiError struct {
	ErrorCode  int          `json:"error_code"`
	StatusCode int          `json:"status_code"`
	Msg        string       `json:"msg"`
	Details    errorDetails `json:"details"`
}

type errorDetails struct {
	Err string `json:"err"`
}

func writeError(w http.ResponseWriter, status, code int, msg string, err error) {
	writeJSON(w, status, apiError{code, status, msg, errorDetails{err.Error()}})
}

// writeStoreError answers with an error of the store.
func writeStoreError(w http.ResponseWriter, msg string, err error) {
	switch {
	case errors.Is(err, inspect.ErrNotFound):
		writeError(w, http.StatusNotFound, errCodeNotFound, msg, err)
	case errors.Is(err, inspect.ErrPinLimit), errors.Is(err, inspect.ErrBodyCut),
		errors.Is(err, inspect.ErrIncomplete), errors.Is(err, inspect.ErrWebSocket),
		errors.Is(err, inspect.ErrNotHTTP), errors.Is(err, inspect.ErrNoTarget):
		writeError(w, http.StatusConflict, errCodeReplay, msg, err)
	default:
		writeError(w, http.StatusBadRequest, errCodeReplay, msg, err)
	}
}

// writeJSON writes compact JSON. Letters like < stay as they are: nosniff and the
// media type keep browsers from reading it as anything else.
func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the peer is gone, or does not read
}

// readJSON reads the body of a request into v, ignoring fields that v does not have.
// It answers the request and returns false when that is not JSON.
func readJSON(w http.ResponseWriter, r *http.Request, v any) bool {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxJSON))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		writeError(w, http.StatusRequestEntityTooLarge, errCodeRequest, "request body too large", err)
		return false
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		writeError(w, http.StatusBadRequest, errCodeRequest, "the request body is not the JSON that this call expects", err)
		return false
	}
	return true
}
