//go:build !unix

package configfile

import (
	"io/fs"
	"os"
)

// keepOwner does nothing where files inherit their owner.
func keepOwner(*os.File, fs.FileInfo) {}
