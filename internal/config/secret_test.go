package config

import (
	"slices"
	"strings"
	"testing"
)

// Values are found wherever they stand, those that overlap and those that begin alike as well; what is too short is a
// part of words.
func TestPlacesOfValues(t *testing.T) {
	text := "hunter2 hunter22 unter and aaaaaa, short: abc"
	got := places(text, []string{"hunter2", "hunter22", "hunter2", "aaaa", "abc", "nobody", ""})
	want := []span{{0, 7}, {8, 15}, {8, 16}, {27, 31}, {28, 32}, {29, 33}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := places("abc", []string{"abcd"}); len(got) > 0 {
		t.Errorf("a value longer than the text is at %v", got)
	}
}

// A file of many users takes no longer for each than one of few: with one search through the text for each password
// it was seconds for ten thousand.
func TestPlacesOfManyValues(t *testing.T) {
	const users = 10_000
	var values []string
	for range users {
		values = append(values, "the-same-for-all")
	}
	if got := places(strings.Repeat("password: the-same-for-all\n", users), values); len(got) != users {
		t.Errorf("%d places of %d", len(got), users)
	}
}
