package blobs

import (
	"context"
	"fmt"
	"sync"

	"github.com/xenidc/idc/runtime/idc"
)

// The errors of the protocol, which travel as numbers of their own.
var (
	ErrNotFound = idc.Code(1) // there is no such blob
	ErrFull     = idc.Code(2) // there is no room for it
)

// Store keeps blobs in memory. It implements Back.
type Store struct {
	Most int // bytes of all blobs

	mu    sync.RWMutex
	blobs map[string][]byte
	used  int
}

// Put keeps a copy: data is the front end's memory, and ours until we return.
func (s *Store) Put(ctx context.Context, req PutRequest, data *idc.Bulk) error {
	blob := make([]byte, data.Len())
	data.CopyTo(blob, 0)
	s.mu.Lock()
	defer s.mu.Unlock()
	used := s.used - len(s.blobs[req.Name]) + len(blob)
	if used > s.Most {
		return fmt.Errorf("put %q: %d of %d bytes: %w", req.Name, used, s.Most, ErrFull)
	}
	if s.blobs == nil {
		s.blobs = map[string][]byte{}
	}
	s.blobs[req.Name], s.used = blob, used
	return nil
}

// Get copies into the front end's memory.
func (s *Store) Get(ctx context.Context, req GetRequest, data *idc.Bulk) (GetResponse, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	blob, ok := s.blobs[req.Name]
	if !ok {
		return GetResponse{}, ErrNotFound
	}
	rest := blob[min(req.Offset, uint64(len(blob))):]
	n := data.CopyFrom(rest, 0)
	return GetResponse{Length: uint32(n), Size: uint64(len(blob))}, nil
}

// Remove forgets a blob.
func (s *Store) Remove(ctx context.Context, req RemoveRequest) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	blob, ok := s.blobs[req.Name]
	if !ok {
		return ErrNotFound
	}
	delete(s.blobs, req.Name)
	s.used -= len(blob)
	return nil
}
