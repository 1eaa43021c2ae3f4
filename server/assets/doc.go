// Package assets holds what assets/server in the repository holds: the development
// certificate and whatever else ngrokd carries inside. All but this file is generated
// by assets/embed.sh. Built with the tag debug it reads the files from the disk.
package assets
