// Package internal holds the rooms of gnatsd-ev that are not for import by
// other modules. docs/architecture.md says which room holds what.
package internal
