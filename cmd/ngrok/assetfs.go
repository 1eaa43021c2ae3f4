package main

import (
	"bytes"
	"io/fs"
	"path"
)

// assetFS shows the embedded files below a directory as a file system, without its
// directories. In a build with the tag debug each file is read when it is opened.
type assetFS struct {
	dir  string
	read func(name string) ([]byte, error)
	info func(name string) (fs.FileInfo, error)
}

func (a assetFS) Open(name string) (fs.File, error) {
	if !fs.ValidPath(name) {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	}
	full := path.Join(a.dir, name)
	info, err := a.info(full)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	data, err := a.read(full)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: name, Err: err}
	}
	return &assetFile{bytes.NewReader(data), assetInfo{info, path.Base(name)}}, nil
}

// assetFile is an open file of an [assetFS].
type assetFile struct {
	*bytes.Reader
	info assetInfo
}

func (f *assetFile) Stat() (fs.FileInfo, error) { return f.info, nil }
func (f *assetFile) Close() error               { return nil }

// assetInfo has the last element of the name alone, as file systems want it.
type assetInfo struct {
	fs.FileInfo
	name string
}

func (i assetInfo) Name() string { return i.name }
