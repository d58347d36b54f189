package main

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// watched is a store, and a view that writes down what it sends.
type watched struct {
	t     *testing.T
	store Store
	view  *view
	sent  []string
}

func watch(t *testing.T) *watched {
	w := &watched{t: t}
	w.view = w.store.open(func(r response) {
		text, err := json.Marshal(r)
		require.NoError(t, err)
		w.sent = append(w.sent, string(text))
	})
	return w
}

func (w *watched) want(why string, sent ...string) {
	w.t.Helper()
	require.Equal(w.t, sent, w.sent, why)
	w.sent = nil
}

func doc(text string) (d Doc) {
	if err := json.Unmarshal([]byte(text), &d); err != nil {
		panic(err)
	}
	return d
}

func TestAView(t *testing.T) {
	w := watch(t)
	w.store.Put("c", "1", doc(`{"a":1,"b":2}`))
	w.want("there is no subscription")
	w.store.subscribe(w.view, "s", Selection{Collection: "c"})
	w.want("what is there, and then ready", `{"msg":"added","id":"1","collection":"c","fields":{"a":1,"b":2}}`, `{"msg":"ready","subs":["s"]}`)

	w.store.Put("c", "2", doc(`{"a":2}`))
	w.want("another one", `{"msg":"added","id":"2","collection":"c","fields":{"a":2}}`)
	require.True(t, w.store.Update("c", "1", doc(`{"a":3,"b":2}`)))
	w.want("only what has changed", `{"msg":"changed","id":"1","collection":"c","fields":{"a":3}}`)
	require.True(t, w.store.Update("c", "1", doc(`{"a":3}`)))
	w.want("nothing has changed")
	w.store.Put("c", "1", doc(`{"x":1}`))
	w.want("fields are gone", `{"msg":"changed","id":"1","collection":"c","fields":{"x":1},"cleared":["a","b"]}`)
	w.store.Put("other", "1", doc(`{"a":1}`))
	w.want("another collection")

	require.True(t, w.store.Remove("c", "1"))
	w.want("it is gone", `{"msg":"removed","id":"1","collection":"c"}`)
	require.False(t, w.store.Remove("c", "1"))
	require.False(t, w.store.Update("c", "1", doc(`{}`)))
	w.want("it was gone already")

	w.store.unsubscribe(w.view, "s")
	w.want("what was seen is removed", `{"msg":"removed","id":"2","collection":"c"}`, `{"msg":"nosub","id":"s"}`)
	w.store.close(w.view)
	w.store.Put("c", "3", doc(`{}`))
	w.want("the view is closed")
}

// A document that several subscriptions show is sent once, and removed with the last.
func TestSubscriptionsThatOverlap(t *testing.T) {
	w := watch(t)
	open := Selection{Collection: "c", Match: isOpen}
	w.store.subscribe(w.view, "open", open)
	w.store.subscribe(w.view, "all", Selection{Collection: "c"})
	w.want("nothing is there", `{"msg":"ready","subs":["open"]}`, `{"msg":"ready","subs":["all"]}`)

	w.store.Put("c", "1", doc(`{"done":false}`))
	w.want("once", `{"msg":"added","id":"1","collection":"c","fields":{"done":false}}`)
	w.store.unsubscribe(w.view, "all")
	w.want("the other still shows it", `{"msg":"nosub","id":"all"}`)
	w.store.Update("c", "1", doc(`{"done":true}`))
	w.want("nothing shows it", `{"msg":"removed","id":"1","collection":"c"}`)
	w.store.Update("c", "1", doc(`{"done":false}`))
	w.want("it is shown again", `{"msg":"added","id":"1","collection":"c","fields":{"done":false}}`)
	w.store.unsubscribe(w.view, "all")
	w.want("there is no such subscription", `{"msg":"nosub","id":"all"}`)
}
