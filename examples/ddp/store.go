package main

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"sync"
)

// Doc is the fields of a document, each in EJSON.
type Doc map[string]json.RawMessage

// NewDoc encodes fields.
func NewDoc(fields map[string]any) (Doc, error) {
	d := make(Doc, len(fields))
	for name, v := range fields {
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, err
		}
		d[name] = raw
	}
	return d, nil
}

// Store is documents, by collection and id, and those who look at them. A change has
// been sent to everyone when the method that makes it returns. Sending waits for
// nobody, and so all of it happens under one lock.
type Store struct {
	mu    sync.Mutex
	docs  map[string]map[string]Doc
	views map[*view]struct{}
}

// Put inserts a document, or replaces it.
func (s *Store) Put(collection, id string, d Doc) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(collection, id, d)
}

func (s *Store) put(collection, id string, d Doc) {
	if s.docs == nil {
		s.docs = make(map[string]map[string]Doc)
	}
	if s.docs[collection] == nil {
		s.docs[collection] = make(map[string]Doc)
	}
	s.docs[collection][id] = d
	for v := range s.views {
		v.look(collection, id, d)
	}
}

// Update changes fields of a document, and reports whether it is there.
func (s *Store) Update(collection, id string, fields Doc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, ok := s.docs[collection][id]
	if ok {
		d = maps.Clone(d)
		maps.Copy(d, fields)
		s.put(collection, id, d)
	}
	return ok
}

// Remove removes a document, and reports whether it was there.
func (s *Store) Remove(collection, id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.docs[collection][id]
	if ok {
		delete(s.docs[collection], id)
		for v := range s.views {
			v.look(collection, id, nil)
		}
	}
	return ok
}

// Len is how many documents a collection has.
func (s *Store) Len(collection string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.docs[collection])
}

// Selection is what a subscription shows: the documents of a collection for which
// Match, if set, returns true.
type Selection struct {
	Collection string
	Match      func(d Doc) bool
}

func (s Selection) shows(collection string, d Doc) bool {
	return d != nil && s.Collection == collection && (s.Match == nil || s.Match(d))
}

// view is what one client sees: the union of what its subscriptions show. It sends the
// least that has the client see it, too. All is under the lock of the store.
type view struct {
	send func(response)
	subs map[string]Selection
	seen map[string]map[string]Doc // that the client has, by collection and id
}

// open begins a view that shows nothing.
func (s *Store) open(send func(response)) *view {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := &view{send: send, subs: make(map[string]Selection), seen: make(map[string]map[string]Doc)}
	if s.views == nil {
		s.views = make(map[*view]struct{})
	}
	s.views[v] = struct{}{}
	return v
}

func (s *Store) close(v *view) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.views, v)
}

// subscribe adds a subscription, and says that it is ready. What others change comes
// after that.
func (s *Store) subscribe(v *view, id string, sel Selection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v.subs[id] = sel
	s.lookAgain(v, sel.Collection)
	v.send(response{Msg: "ready", Subs: []string{id}})
}

// unsubscribe ends a subscription, if there is one.
func (s *Store) unsubscribe(v *view, id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if sel, ok := v.subs[id]; ok {
		delete(v.subs, id)
		s.lookAgain(v, sel.Collection)
	}
	v.send(response{Msg: "nosub", ID: id})
}

func (s *Store) lookAgain(v *view, collection string) {
	for _, id := range slices.Sorted(maps.Keys(s.docs[collection])) {
		v.look(collection, id, s.docs[collection][id])
	}
}

// look has the client see what became of a document, nil if it is gone.
func (v *view) look(collection, id string, d Doc) {
	shown := false
	for _, sel := range v.subs {
		shown = shown || sel.shows(collection, d)
	}
	had, seen := v.seen[collection][id]
	switch {
	case shown && !seen:
		if v.seen[collection] == nil {
			v.seen[collection] = make(map[string]Doc)
		}
		v.seen[collection][id] = d
		v.send(response{Msg: "added", Collection: collection, ID: id, Fields: d})
	case shown:
		v.seen[collection][id] = d
		if fields, cleared := difference(had, d); len(fields)+len(cleared) > 0 {
			v.send(response{Msg: "changed", Collection: collection, ID: id, Fields: fields, Cleared: cleared})
		}
	case seen:
		delete(v.seen[collection], id)
		v.send(response{Msg: "removed", Collection: collection, ID: id})
	}
}

// difference is what changed makes of old, so that it becomes now.
func difference(old, now Doc) (fields Doc, cleared []string) {
	fields = make(Doc)
	for name, value := range now {
		if !bytes.Equal(value, old[name]) {
			fields[name] = value
		}
	}
	for name := range old {
		if _, ok := now[name]; !ok {
			cleared = append(cleared, name)
		}
	}
	slices.Sort(cleared)
	return fields, cleared
}
