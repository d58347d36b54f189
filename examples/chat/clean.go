package main

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// cleanName makes a name of what a client sent: what cannot be seen is taken away,
// and spaces are single. It reports whether that is a name, of 1 to limit characters
// that are not all accents.
func cleanName(s string, limit int) (name string, ok bool) {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case !unicode.IsPrint(r): // control characters, and those that turn the direction of text
			return -1
		}
		return r
	}, s)
	s = strings.Join(strings.Fields(s), " ")
	return s, fits(s, limit)
}

// cleanText does so with a message, which may have lines, and characters that join
// others or say where their direction turns; the page isolates each text.
func cleanText(s string, limit int) (text string, ok bool) {
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\n':
			return r
		case r == '\t', unicode.In(r, unicode.Zl, unicode.Zp):
			return ' '
		case unicode.IsControl(r), r == utf8.RuneError:
			return -1
		}
		return r
	}, s)
	s = strings.TrimSpace(s)
	return s, fits(s, limit)
}

// fits reports whether s has at most limit characters and something to see.
func fits(s string, limit int) bool {
	return utf8.RuneCountInString(s) <= limit && strings.ContainsFunc(s, visible)
}

func visible(r rune) bool {
	return r != ' ' && unicode.IsPrint(r) && !unicode.IsMark(r)
}
