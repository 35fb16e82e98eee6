//go:build linux

package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown by 'idc completion --help'.
func (completionCmd) Help() string {
	return "Examples:\n  source <(idc completion bash)\n  idc completion zsh > ~/.zfunc/_idc\n  idc completion fish > ~/.config/fish/completions/idc.fish"
}

// Run prints the script.
func (c *completionCmd) Run(e *env) error {
	commands := completions(e.model.Node, nil)
	switch c.Shell {
	case "bash":
		bashCompletion(e.stdout, commands)
	case "zsh":
		zshCompletion(e.stdout, commands)
	default:
		fishCompletion(e.stdout, commands)
	}
	return nil
}

// completed is a command and what may follow it.
type completed struct {
	path  string // "store ls"; empty for idc itself
	words []word
}

type word struct{ text, help string }

// completions returns what completes n and each command below it.
func completions(n *kong.Node, path []string) []completed {
	here := completed{path: strings.Join(path, " ")}
	var below []completed
	for _, child := range n.Children {
		if child.Hidden {
			continue
		}
		here.words = append(here.words, word{child.Name, child.Help})
		below = append(below, completions(child, append(slices.Clone(path), child.Name))...)
	}
	for _, group := range n.AllFlags(true) {
		for _, f := range group {
			here.words = append(here.words, word{"--" + f.Name, f.Help})
		}
	}
	return append([]completed{here}, below...)
}

// findCommand is shell code, for bash and zsh, that sets cmd to the command that the
// words before the cursor name.
const findCommand = `  local cmd="" w
  for w in "${before[@]}"; do
    case " ${known} " in
      *" ${cmd:+$cmd/}$w "*) cmd="${cmd:+$cmd/}$w" ;;
    esac
  done
`

func bashCompletion(w io.Writer, commands []completed) {
	fmt.Fprintf(w, "# bash completion of idc; source it.\n_idc() {\n  local known=%q\n", known(commands))
	fmt.Fprint(w, "  local before=(\"${COMP_WORDS[@]:1:COMP_CWORD-1}\") cur=\"${COMP_WORDS[COMP_CWORD]}\" words=\"\"\n", findCommand)
	fmt.Fprint(w, "  case \"$cmd\" in\n")
	for _, c := range commands {
		fmt.Fprintf(w, "    %q) words=%q ;;\n", strings.ReplaceAll(c.path, " ", "/"), strings.Join(texts(c.words), " "))
	}
	fmt.Fprint(w, "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _idc idc\n")
}

func zshCompletion(w io.Writer, commands []completed) {
	fmt.Fprintf(w, "#compdef idc\n_idc() {\n  local known=%q\n", known(commands))
	fmt.Fprint(w, "  local -a before=(\"${(@)words[2,CURRENT-1]}\") list\n", findCommand)
	fmt.Fprint(w, "  case \"$cmd\" in\n")
	for _, c := range commands {
		fmt.Fprintf(w, "    (%q) list=(", strings.ReplaceAll(c.path, " ", "/"))
		for _, one := range c.words {
			fmt.Fprintf(w, "%s ", shellQuote(strings.ReplaceAll(one.text, ":", "\\:")+":"+firstSentence(one.help)))
		}
		fmt.Fprint(w, ") ;;\n")
	}
	fmt.Fprint(w, "  esac\n  _describe idc list || _files\n}\n")
	fmt.Fprint(w, "if [ \"$funcstack[1]\" = _idc ]; then _idc \"$@\"; else compdef _idc idc; fi\n")
}

func fishCompletion(w io.Writer, commands []completed) {
	fmt.Fprint(w, "# fish completion of idc.\n")
	for _, c := range commands {
		condition := "__fish_use_subcommand"
		if c.path != "" {
			condition = "__fish_seen_subcommand_from " + strings.Join(strings.Fields(c.path), "; and __fish_seen_subcommand_from ")
		}
		for _, one := range c.words {
			kind := "-a " + one.text
			if name, isFlag := strings.CutPrefix(one.text, "--"); isFlag {
				kind = "-l " + name
			}
			fmt.Fprintf(w, "complete -c idc -n %s %s -d %s\n", shellQuote(condition), kind, shellQuote(firstSentence(one.help)))
		}
	}
}

// known lists all commands, with slashes between their words.
func known(commands []completed) string {
	var paths []string
	for _, c := range commands[1:] {
		paths = append(paths, strings.ReplaceAll(c.path, " ", "/"))
	}
	return strings.Join(paths, " ")
}

func texts(words []word) []string {
	var out []string
	for _, w := range words {
		out = append(out, w.text)
	}
	return out
}

// firstSentence shortens a help text.
func firstSentence(s string) string {
	s, _, _ = strings.Cut(s, ". ")
	s, _, _ = strings.Cut(s, " (")
	return strings.TrimSuffix(s, ".")
}

// shellQuote quotes for all three shells: nothing is special in single quotes but
// themselves.
func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", "’") + "'" }
