// Package corpus makes the text that the benchmarks send and compress: of a few
// kinds that WebSockets carry, of any size, and the same bytes at every run.
package corpus

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"unicode/utf8"
)

// A Kind is a kind of text.
type Kind struct {
	Name string
	open string                    // what a message begins with
	item func(r *rand.Rand) string // it is made of these
	sep  string                    // between them
}

// Kinds are all there are.
func Kinds() []Kind { return []Kind{Chat(), Ticks(), Chinese(), Document()} }

// Chat is the JSON of a chat: sentences of English between ids and names.
func Chat() Kind { return Kind{"chat", `{"type":"messages","items":[`, chatItem, ","} }

// Ticks is the JSON of a stock exchange: many numbers and few names.
func Ticks() Kind { return Kind{"ticks", `{"stream":"trades","data":[`, tick, ","} }

// Chinese is plain text, three bytes a character.
func Chinese() Kind { return Kind{"chinese", "", clause, ""} }

// Document is JSON of the kind that an API answers: nested and repetitive.
func Document() Kind { return Kind{"document", `{"page":1,"pages":80,"results":[`, record, ","} }

// Messages returns n different messages of size bytes. They are valid UTF-8, and
// end in the middle of what they say.
func (k Kind) Messages(n, size int) [][]byte {
	r := rand.New(rand.NewPCG(uint64(size), uint64(len(k.Name))))
	messages := make([][]byte, n)
	for i := range messages {
		messages[i] = k.message(r, size)
	}
	return messages
}

func (k Kind) message(r *rand.Rand, size int) []byte {
	var b bytes.Buffer
	b.WriteString(k.open)
	for b.Len() < size {
		b.WriteString(k.item(r))
		b.WriteString(k.sep)
	}
	p := b.Bytes()[:size:size]
	for i := size - 1; i >= 0 && i >= size-utf8.UTFMax && !utf8.Valid(p); i-- {
		p[i] = ' '
	}
	return p
}

func chatItem(r *rand.Rand) string {
	return fmt.Sprintf(`{"id":"%08x","room":"%s","from":{"id":%d,"name":"%s"},"text":"%s.","sent":%d,"edited":%t}`,
		r.Uint32(), pick(r, rooms), r.IntN(100_000), pick(r, people),
		strings.Join(common(r, english, 4+r.IntN(18)), " "), 1_760_000_000_000+r.Int64N(1e9), r.IntN(10) == 0)
}

func tick(r *rand.Rand) string {
	return fmt.Sprintf(`{"s":"%s","p":"%d.%02d","q":"%d.%03d","t":%d,"m":%t,"id":%d}`,
		pick(r, symbols), 100+r.IntN(60_000), r.IntN(100), r.IntN(40), r.IntN(1000),
		1_760_000_000_000+r.Int64N(1e7), r.IntN(2) == 0, 900_000_000+r.IntN(1e6))
}

func clause(r *rand.Rand) string {
	return strings.Join(common(r, characters, 5+r.IntN(12)), "") + pick(r, marks)
}

func record(r *rand.Rand) string {
	return fmt.Sprintf(`{"id":%d,"name":"%s","email":"%s%d@example.com","active":%t,`+
		`"address":{"street":"%d %s","city":"%s","zip":"%05d","location":{"lat":%.6f,"lon":%.6f}},`+
		`"tags":["%s"],"created":"2026-%02d-%02dT%02d:%02d:%02dZ","balance":"%d.%02d","note":"%s"}`,
		r.IntN(1e7), pick(r, people), pick(r, people), r.IntN(1000), r.IntN(3) > 0,
		1+r.IntN(300), pick(r, streets), pick(r, cities), r.IntN(100_000), r.Float64()*180-90, r.Float64()*360-180,
		strings.Join(common(r, english, 1+r.IntN(4)), `","`), 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60),
		r.IntN(9000), r.IntN(100), strings.Join(common(r, english, r.IntN(12)), " "))
}

func pick(r *rand.Rand, list []string) string { return list[r.IntN(len(list))] }

// common picks n of a list, the first ones more often, as language does.
func common(r *rand.Rand, list []string, n int) []string {
	words := make([]string, n)
	for i := range words {
		at := int(r.ExpFloat64() * float64(len(list)) / 4)
		words[i] = list[min(at, len(list)-1)]
	}
	return words
}
