package cert

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"sync"

	"github.com/caddyserver/certmagic"
	"github.com/mholt/acmez/v3/acme"
)

// accounts keeps the account at one authority: its key, and what the authority said.
type accounts struct {
	client  *acme.Client
	storage certmagic.Storage
	dir     string // in the storage
	email   string

	mu      sync.Mutex // held while an account is made, so that there is one
	current *acme.Account
}

// open returns the account, after making one where there is none. Whoever configures an
// authority agrees to its terms; certificates can't be had otherwise.
func (a *accounts) open(ctx context.Context) (acme.Account, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.current != nil {
		return *a.current, nil
	}
	account, err := a.load(ctx)
	if err == nil && account.Location == "" {
		account, err = a.register(ctx, account)
	}
	if err != nil {
		return acme.Account{}, err
	}
	a.current = &account
	return account, nil
}

// forget drops what the authority said, but not the key, which it may still know.
func (a *accounts) forget(ctx context.Context) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.current = nil
	err := a.storage.Delete(ctx, a.dir+"/account.json")
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// load returns what is in the storage, with a new key where there is none.
func (a *accounts) load(ctx context.Context) (account acme.Account, err error) {
	data, err := a.storage.Load(ctx, a.dir+"/account.key")
	switch {
	case err == nil:
		if account.PrivateKey, err = parseKey(data); err != nil {
			return account, fmt.Errorf("account.key: %w; restore the file, or delete it for a new account", err)
		}
	case errors.Is(err, fs.ErrNotExist):
		if account.PrivateKey, err = newKey(); err != nil {
			return account, err
		}
		if data, err = encodeKey(account.PrivateKey); err != nil {
			return account, err
		}
		// Kept before it is used: an account whose key is lost is of no use.
		return account, a.storage.Store(ctx, a.dir+"/account.key", data)
	default:
		return account, err
	}
	data, err = a.storage.Load(ctx, a.dir+"/account.json")
	if err == nil && json.Unmarshal(data, &account) != nil {
		account.Location = "" // registering again finds the account by its key
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return account, err
}

func (a *accounts) register(ctx context.Context, account acme.Account) (acme.Account, error) {
	fresh := acme.Account{PrivateKey: account.PrivateKey, TermsOfServiceAgreed: true}
	if a.email != "" {
		fresh.Contact = []string{"mailto:" + a.email}
	}
	fresh, err := a.client.NewAccount(ctx, fresh)
	if err != nil {
		return fresh, err
	}
	data, err := json.MarshalIndent(fresh, "", "\t")
	if err != nil {
		return fresh, err
	}
	return fresh, a.storage.Store(ctx, a.dir+"/account.json", data)
}
