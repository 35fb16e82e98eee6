// Package syntax reads protocol files. The grammar is the AST: each node's struct tags are its production, and
// Grammar renders them as EBNF.
//
// A file is read in three steps, so that one run reports as many mistakes as it can:
//
//	text --scan--> tokens, comments --split--> declarations --parse--> File
//
// The scanner never stops; it keeps ordinary comments aside with their positions, where the formatter finds them. The
// splitter cuts the tokens at the ends of lines outside braces, and at a declaration's keyword at the start of a line
// inside them, where a closing brace must be missing. Each declaration is then parsed alone, so a mistake in one
// doesn't hide those in the next.
//
// Ends of lines matter as in Go: one ends an item unless it follows an operator, a comma or an opening bracket, or is inside
// parentheses. There are no reserved words: what is a keyword depends on where it stands.
package syntax
