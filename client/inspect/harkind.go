package inspect

import (
	"mime"
	"strings"
)

// fetchDestinations are what browsers say that they ask for, in Sec-Fetch-Dest, where the
// network panels of browsers have a name of their own for it.
var fetchDestinations = map[string]string{
	"document": "document", "iframe": "document", "frame": "document", "embed": "document", "object": "document",
	"style": "stylesheet", "script": "script", "image": "image", "font": "font", "audio": "media", "video": "media",
	"track": "texttrack", "manifest": "manifest", "empty": "fetch",
}

// resourceType is what network panels file the exchange under: by what its visitor says,
// else by what the response is, where calls of an API are all that is not of a page. The
// panels guess without it, and take JSON for a script.
func (e *Exchange) resourceType() string {
	switch e.Kind {
	case KindWebSocket:
		return "websocket"
	case KindEvents:
		return "eventsource"
	}
	if kind := fetchDestinations[e.Request.Value("Sec-Fetch-Dest")]; kind != "" {
		return kind
	}
	media, _, _ := mime.ParseMediaType(e.Response.Value("Content-Type"))
	family, _, _ := strings.Cut(media, "/")
	switch {
	case media == "text/html", media == "application/xhtml+xml":
		return "document"
	case media == "text/css":
		return "stylesheet"
	case strings.HasSuffix(media, "/javascript"), strings.HasSuffix(media, "/x-javascript"):
		return "script"
	case media == "application/wasm":
		return "wasm"
	case media == "application/manifest+json":
		return "manifest"
	case family == "image", family == "font":
		return family
	case family == "audio", family == "video":
		return "media"
	}
	return "fetch"
}
