package errorpage

import (
	"strings"
	"testing"
)

func TestHTMLEscapes(t *testing.T) {
	page := HTML(404, "Tunnel <b>&", `its "hint" <script>`)
	for _, want := range []string{"<small>404</small>", "<title>Tunnel &lt;b&gt;&amp;</title>", "<h1>Tunnel &lt;b&gt;&amp;</h1>", "<p>its &#34;hint&#34; &lt;script&gt;</p>"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page has no %s:\n%s", want, page)
		}
	}
	if strings.Contains(page, "<b>") || strings.Contains(page, "<script") {
		t.Errorf("not escaped:\n%s", page)
	}
}
