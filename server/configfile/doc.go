// Package configfile reads ngrokd.yml, the settings file of the server, and edits the
// tokens in it without touching anything else.
//
// The file is YAML. A key that is not known is an error that names the line and the
// nearest key, and so is every value that can't be used: nothing is guessed.
package configfile
