package layout

import (
	"fmt"
	"strings"

	"github.com/xenidc/idc/idl/schema"
)

func keyOf(k *schema.Key) Key {
	return Key{Name: k.Name, In: string(k.In), From: string(k.From), Type: keyType(k), Unit: unitName(k.Type.Unit),
		By: string(k.By), Absent: absent(k), Bound: bound(k), Rule: string(k.Rule), Obsolete: k.Deprecated, PerQueue: k.PerQueue, Made: k.Made}
}

func keyType(k *schema.Key) string {
	switch {
	case k.OneOf != nil:
		return strings.Join(k.OneOf, " | ")
	case k.Form == schema.Text:
		return "string"
	case k.Form == schema.Hex:
		return "hex " + k.Type.String()
	case k.Form == schema.HexPair:
		return "hex " + k.Type.String() + " pair"
	case k.Type.Kind == schema.Int:
		bare := *k.Type
		bare.Unit = nil
		return bare.String()
	}
	return k.Type.String()
}

func absent(k *schema.Key) string {
	switch {
	case k.Default == nil && k.Optional:
		return "allowed"
	case k.Default == nil:
		return "error"
	case k.Default.Key != nil:
		return "as " + k.Default.Key.Name
	case k.Form == schema.Text:
		return fmt.Sprintf("%q", k.Default.Text)
	}
	return fmt.Sprint(k.Default.Number)
}

func bound(k *schema.Key) string {
	least, most := "", ""
	if k.Min != nil {
		least = fmt.Sprint(*k.Min)
	}
	switch {
	case k.MaxKey != nil:
		most = k.MaxKey.Name
	case k.Max != nil:
		most = fmt.Sprint(*k.Max)
	}
	switch {
	case least == "" && most == "":
		return ""
	case least == "":
		return "up to " + most
	}
	return strings.TrimSuffix(least+" to "+most, " to ")
}
