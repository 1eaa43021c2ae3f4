package web

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// tabOfBrowser is a tab of a real browser.
type tabOfBrowser struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	problems []string // exceptions and errors of the console
}

// openBrowser starts a browser of the given size, or skips the test when the machine
// has none.
func openBrowser(t *testing.T, width, height int64) *tabOfBrowser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			path = p
			break
		}
	}
	if path == "" {
		t.Skip("no browser on this machine: install Debian's package chromium to run this test")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("font-render-hinting", "none"))
	alloc, cancelAlloc := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancelAlloc)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	b := &tabOfBrowser{t: t, ctx: ctx}
	if err := chromedp.Listen(ctx, b.listen); err != nil { // starts the browser
		t.Fatal(err)
	}
	b.ctx, cancel = context.WithTimeout(ctx, 5*time.Minute)
	t.Cleanup(cancel)
	b.do(command(log.Enable, cdp.Empty{}),
		command(emulation.SetFocusEmulationEnabled, emulation.SetFocusEmulationEnabledParams{Enabled: true}),
		chromedp.EmulateViewport(width, height))
	return b
}

// command is a protocol command as a step.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

// listen notes what the browser complains about.
func (b *tabOfBrowser) listen(event any) {
	var problem string
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		problem = e.ExceptionDetails.Text
		if e.ExceptionDetails.Exception != nil {
			problem += " " + e.ExceptionDetails.Exception.Description
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == runtime.ConsoleAPICalledTypeError || e.Type == runtime.ConsoleAPICalledTypeWarning {
			for _, a := range e.Args {
				problem += string(a.Value) + a.Description
			}
		}
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError {
			problem = e.Entry.Text + " " + e.Entry.URL
		}
	}
	if problem != "" {
		b.mu.Lock()
		b.problems = append(b.problems, problem)
		b.mu.Unlock()
	}
}

// clean fails the test when the page threw or complained.
func (b *tabOfBrowser) clean() {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.problems {
		b.t.Errorf("the page complained: %s", p)
	}
}

func (b *tabOfBrowser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	if err := chromedp.Do(b.ctx, steps...); err != nil {
		b.shot("failed-" + b.t.Name())
		b.t.Fatal(err)
	}
}

// run evaluates an expression for its effect.
func (b *tabOfBrowser) run(expression string) {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](expression))
}

// eval evaluates an expression.
func eval[T any](b *tabOfBrowser, expression string) T {
	b.t.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.shot("failed-" + b.t.Name())
		b.t.Fatal(err)
	}
	return v
}

// until waits for an expression to be true.
func (b *tabOfBrowser) until(what, expression string) {
	b.t.Helper()
	ok := false
	for deadline := time.Now().Add(60 * time.Second); !ok; time.Sleep(20 * time.Millisecond) {
		ok = eval[bool](b, "Boolean("+expression+")")
		if !ok && time.Now().After(deadline) {
			b.shot("failed-" + b.t.Name())
			b.t.Fatalf("waited in vain for %s: %s", what, expression)
		}
	}
}

// click clicks the first element of a selector whose text contains the given one.
func (b *tabOfBrowser) click(selector, text string) {
	b.t.Helper()
	find := `[...document.querySelectorAll(` + quote(selector) + `)].find((e) => e.textContent.includes(` + quote(text) + `))`
	b.until("something to click: "+selector+" "+text, find)
	b.run(find + `.click()`)
}

// text returns the text of the first element of a selector, empty without one.
func (b *tabOfBrowser) text(selector string) string {
	b.t.Helper()
	return eval[string](b, `document.querySelector(`+quote(selector)+`)?.innerText ?? ""`)
}

// dark sets what the system's colour scheme is.
func (b *tabOfBrowser) dark(on bool) {
	b.t.Helper()
	scheme := "light"
	if on {
		scheme = "dark"
	}
	b.do(command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
	}))
}

// shot writes a screenshot into INSPECTOR_SHOTS, or into a directory of the test.
func (b *tabOfBrowser) shot(name string) {
	b.t.Helper()
	dir := os.Getenv("INSPECTOR_SHOTS")
	if dir == "" {
		dir = b.t.TempDir()
	}
	p, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
	if err != nil {
		b.t.Logf("no screenshot: %v", err)
		return
	}
	file := filepath.Join(dir, filepath.Base(name)+".png")
	if err := os.WriteFile(file, p, 0o644); err != nil {
		b.t.Logf("no screenshot: %v", err)
	}
}

// quote writes a string as JavaScript does.
func quote(s string) string {
	p, _ := json.Marshal(s)
	return string(p)
}
