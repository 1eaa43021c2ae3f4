package inspect

// Change is one difference between two responses.
type Change struct {
	Kind string `json:"kind"` // "added", "removed" or "changed"
	Path string `json:"path"` // header field, or place in the JSON document as $.a[0].b
	Old  string `json:"old,omitempty"`
	New  string `json:"new,omitempty"`
}

// Line is one line of a difference between two texts.
type Line struct {
	Kind string `json:"kind"`          // "same", "removed", "added", or "skip" for unchanged lines left out
	Old  int    `json:"old,omitempty"` // line number in the old text, from 1; of a skip: how many lines
	New  int    `json:"new,omitempty"` // line number in the new text, from 1
	Text string `json:"text"`
}

// Diff is the difference between two responses.
type Diff struct {
	Same    bool     `json:"same"`              // status, header fields and body are alike
	Status  *Change  `json:"status,omitempty"`  // of the status code, nil when alike
	Headers []Change `json:"headers,omitempty"` // Date and the like are included
	Body    string   `json:"body"`              // how the bodies were compared: "same", "json", "text" or "binary"
	JSON    []Change `json:"json,omitempty"`
	Lines   []Line   `json:"lines,omitempty"`
	Note    string   `json:"note,omitempty"` // what was left out of the comparison, and why
}

// DiffResponses compares the responses of two exchanges: JSON by structure, text by
// line. Its work and its result are bounded; Note says when that left something out.
func DiffResponses(old, new *Exchange) Diff { return Diff{} }
