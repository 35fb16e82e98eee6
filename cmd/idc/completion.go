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
	path   string // "store ls"; empty for idc itself
	words  []word
	values []valued // of its flags
	args   []string // values of its argument, if there are only some
}

type word struct{ text, help string }

// valued is a flag, as --name and -n, and what its value may be. Where nothing is known of
// the values there are none, and shells offer files.
type valued struct {
	names  []string
	values []string
}

// valuesOf are the values of flags that take one of a few, or begin with one of them.
var valuesOf = map[string][]string{
	"platform": {"host", "host:", "xen", "xen:"}, "log-level": {"debug", "info", "warn", "error"},
	"abi": abis, "sector-size": {"512", "4096"}, "nbd": {"unix:", "tcp:"}, "mode": {"0600", "0660", "0666"},
	"backend-type": {"idcvbd", "vbd"}, "vdev": {"xvda", "xvdb", "xvdc", "xvdd"},
	"ring-page-order": {"0", "1", "2", "3", "4"}, "max-ring-page-order": {"0", "1", "2", "3", "4"},
	"size": {"64M", "256M", "1G"}, "wait": {"500ms", "10s", "1m"},
}

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
			if !f.IsBool() && f.Name != "help" {
				here.values = append(here.values, valuedFlag(f))
			}
		}
	}
	for _, arg := range n.Positional {
		here.args = append(here.args, arg.EnumSlice()...)
	}
	return append([]completed{here}, below...)
}

// valuedFlag says what the value of a flag may be.
func valuedFlag(f *kong.Flag) valued {
	v := valued{names: []string{"--" + f.Name}, values: valuesOf[f.Name]}
	if f.Short != 0 {
		v.names = append(v.names, "-"+string(f.Short))
	}
	return v
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
	fmt.Fprint(w, `  local before=("${COMP_WORDS[@]:1:COMP_CWORD-1}") cur="${COMP_WORDS[COMP_CWORD]}" words=""
  local flag="${COMP_WORDS[COMP_CWORD-1]}"
  # bash takes --flag=value, and host:path, to pieces.
  if [ "$cur" = = ]; then cur=""; elif [ "$flag" = = ]; then flag="${COMP_WORDS[COMP_CWORD-2]}"; fi
`, findCommand)
	fmt.Fprint(w, "  case \"$cmd $flag\" in\n")
	for _, c := range commands {
		for _, v := range c.values {
			fmt.Fprintf(w, "    %s) ", patterns(c, v))
			if len(v.values) == 0 {
				fmt.Fprint(w, "return ;;\n") // -o default: files
				continue
			}
			fmt.Fprintf(w, "COMPREPLY=($(compgen -W %q -- \"$cur\")); return ;;\n", strings.Join(v.values, " "))
		}
	}
	fmt.Fprint(w, "  esac\n  case \"$cmd\" in\n")
	for _, c := range commands {
		fmt.Fprintf(w, "    %q) words=%q ;;\n", commandKey(c), strings.Join(append(texts(c.words), c.args...), " "))
	}
	fmt.Fprint(w, "  esac\n  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n}\ncomplete -o default -F _idc idc\n")
}

func zshCompletion(w io.Writer, commands []completed) {
	fmt.Fprintf(w, "#compdef idc\n_idc() {\n  local known=%q\n", known(commands))
	fmt.Fprint(w, "  local -a before=(\"${(@)words[2,CURRENT-1]}\") list\n  local flag=\"${words[CURRENT-1]}\"\n")
	fmt.Fprint(w, "  if [[ \"${words[CURRENT]}\" == --*=* ]]; then flag=\"${words[CURRENT]%%=*}\"; compset -P '*='; fi\n", findCommand)
	fmt.Fprint(w, "  case \"$cmd $flag\" in\n")
	for _, c := range commands {
		for _, v := range c.values {
			fmt.Fprintf(w, "    (%s) ", strings.ReplaceAll(patterns(c, v), " | ", "|"))
			if len(v.values) == 0 {
				fmt.Fprint(w, "_files; return ;;\n")
				continue
			}
			fmt.Fprintf(w, "compadd -- %s; return ;;\n", strings.Join(v.values, " "))
		}
	}
	fmt.Fprint(w, "  esac\n  case \"$cmd\" in\n")
	for _, c := range commands {
		fmt.Fprintf(w, "    (%q) list=(", commandKey(c))
		for _, one := range c.words {
			fmt.Fprintf(w, "%s ", shellQuote(strings.ReplaceAll(one.text, ":", "\\:")+":"+firstSentence(one.help)))
		}
		for _, arg := range c.args {
			fmt.Fprintf(w, "%s ", shellQuote(arg))
		}
		fmt.Fprint(w, ") ;;\n")
	}
	fmt.Fprint(w, "  esac\n  _describe idc list || _files\n}\n")
	fmt.Fprint(w, "if [ \"$funcstack[1]\" = _idc ]; then _idc \"$@\"; else compdef _idc idc; fi\n")
}

// commandKey is how a command is called in the scripts, with slashes between its words.
func commandKey(c completed) string { return strings.ReplaceAll(c.path, " ", "/") }

// patterns are the shell's patterns for a command and one of the names of its flag.
func patterns(c completed, v valued) string {
	var list []string
	for _, name := range v.names {
		list = append(list, fmt.Sprintf("%q", commandKey(c)+" "+name))
	}
	return strings.Join(list, " | ")
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
				kind = "-l " + name + c.fishValue(one.text)
			}
			fmt.Fprintf(w, "complete -c idc -n %s %s -d %s\n", shellQuote(condition), kind, shellQuote(firstSentence(one.help)))
		}
		if len(c.args) > 0 {
			fmt.Fprintf(w, "complete -c idc -n %s -f -a %s\n", shellQuote(condition), shellQuote(strings.Join(c.args, " ")))
		}
	}
}

// fishValue says to fish what follows a flag: one of its values, any file, or nothing.
func (c completed) fishValue(flag string) string {
	for _, v := range c.values {
		switch {
		case v.names[0] != flag:
		case len(v.values) == 0:
			return " -r"
		default:
			return " -x -a " + shellQuote(strings.Join(v.values, " "))
		}
	}
	return ""
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
