// Package errorpage is what both programs show a browser when they answer a request
// themselves.
package errorpage

import (
	"fmt"
	"html"
)

// HTML returns the page by which a tunnel itself tells a browser what is wrong. It holds no
// script and loads nothing.
func HTML(status int, title, hint string) string {
	title, hint = html.EscapeString(title), html.EscapeString(hint)
	return fmt.Sprintf(pageHTML, title, status, title, hint)
}

const pageHTML = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>%s</title>
<style>
:root { color-scheme: light dark }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 38rem; margin: 18vh auto 0; padding: 0 1.5rem }
small { font: 13px ui-monospace, monospace; opacity: .65 }
h1 { font-size: 1.35rem; margin: .2rem 0 .6rem; overflow-wrap: anywhere }
</style>
<small>%d</small>
<h1>%s</h1>
<p>%s</p>
</html>
`
