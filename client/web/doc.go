// Package web serves the inspector: a page that shows the exchanges of an
// [inspect.Store] and sends them again, the JSON API that scripts and wrappers of
// ngrok talk to, and a websocket that keeps open pages up to date.
//
// The page shows cookies and tokens, and any site in the same browser can try to
// reach it. So every answer passes one guard (guard.go): a Host header it was not
// told about is refused, which stops DNS rebinding; calls that change something and
// websockets must come from the page's own origin; and responses carry a policy under
// which captured bytes cannot become script.
package web
