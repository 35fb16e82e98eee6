package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// completionCmd is `idcgen completion`.
type completionCmd struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

// Help is shown by `idcgen completion --help`.
func (completionCmd) Help() string {
	return "Examples:\n  source <(idcgen completion bash)\n  idcgen completion zsh > ~/.zfunc/_idcgen\n  idcgen completion fish > ~/.config/fish/completions/idcgen.fish"
}

// Run prints the script.
func (c *completionCmd) Run(s *streams) error {
	write := map[string]func(io.Writer, []command) error{"bash": bash, "zsh": zsh, "fish": fish}[c.Shell]
	return write(s.out, commands(s.model))
}

// command is a subcommand as completion sees it.
type command struct {
	name, help string
	flags      []*kong.Flag
}

func commands(app *kong.Application) (list []command) {
	for _, n := range app.Children {
		list = append(list, command{n.Name, n.Help, n.Flags})
	}
	return list
}

func (c command) flagNames() string {
	names := []string{"--help"}
	for _, f := range c.flags {
		names = append(names, "--"+f.Name)
		if f.Short != 0 {
			names = append(names, "-"+string(f.Short))
		}
	}
	return strings.Join(names, " ")
}

func bash(w io.Writer, list []command) error {
	var b strings.Builder
	b.WriteString("# bash completion of idcgen; source it.\n_idcgen() {\n\tlocal cur=${COMP_WORDS[COMP_CWORD]} words=\"\"\n")
	b.WriteString("\tif [ \"$COMP_CWORD\" = 1 ]; then\n\t\twords=\"--help --version")
	for _, c := range list {
		b.WriteString(" " + c.name)
	}
	b.WriteString("\"\n\telse\n\t\tcase ${COMP_WORDS[1]} in\n")
	for _, c := range list {
		fmt.Fprintf(&b, "\t\t%s) words=%q ;;\n", c.name, c.flagNames()+shells(c))
	}
	b.WriteString("\t\tesac\n\tfi\n\tCOMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n\t[ -n \"$COMPREPLY\" ] || COMPREPLY=($(compgen -f -X '!*.idc' -- \"$cur\"))\n}\ncomplete -o filenames -F _idcgen idcgen\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// shells completes the argument of completion.
func shells(c command) string {
	if c.name == "completion" {
		return " bash zsh fish"
	}
	return ""
}

func zsh(w io.Writer, list []command) error {
	var b strings.Builder
	b.WriteString("#compdef idcgen\n_idcgen() {\n\tif (( CURRENT == 2 )); then\n\t\tlocal -a list=(")
	for _, c := range list {
		fmt.Fprintf(&b, " %s", quote(c.name+":"+c.help))
	}
	b.WriteString(" )\n\t\t_describe command list\n\t\treturn\n\tfi\n\tcase $words[2] in\n")
	for _, c := range list {
		fmt.Fprintf(&b, "\t%s) compadd -- %s ;;\n", c.name, c.flagNames()+shells(c))
	}
	b.WriteString("\tesac\n\t_files -g '*.idc'\n}\nif [ \"$funcstack[1]\" = _idcgen ]; then _idcgen \"$@\"; else compdef _idcgen idcgen; fi\n")
	_, err := io.WriteString(w, b.String())
	return err
}

func fish(w io.Writer, list []command) error {
	var b strings.Builder
	b.WriteString("# fish completion of idcgen.\n")
	for _, c := range list {
		fmt.Fprintf(&b, "complete -c idcgen -n __fish_use_subcommand -a %s -d %s\n", c.name, quote(c.help))
		for _, f := range c.flags {
			fmt.Fprintf(&b, "complete -c idcgen -n '__fish_seen_subcommand_from %s' -l %s -d %s\n", c.name, f.Name, quote(f.Help))
		}
	}
	b.WriteString("complete -c idcgen -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n")
	_, err := io.WriteString(w, b.String())
	return err
}

// quote quotes for all three shells.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "’") + "'" }
